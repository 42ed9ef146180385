namespace Switchyard.Migration;

/// <summary>A step of a cutover, or of a migration's end, cannot be done. Before the flip everything is to be undone; an end is gone on with.</summary>
internal sealed class CutoverFailedException(string message, string remedy, Exception? inner = null) : Exception(message, inner)
{
    public string Remedy { get; } = remedy;
}
