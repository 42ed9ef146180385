namespace Switchyard.Migration;

/// <summary>A step that a verb takes on a server cannot be done. Of a cutover, everything is to be undone before the flip; an end is gone on with.</summary>
internal sealed class CutoverFailedException(string message, string remedy, Exception? inner = null) : Exception(message, inner)
{
    public string Remedy { get; } = remedy;
}
