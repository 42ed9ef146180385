namespace Switchyard.Migration;

/// <summary>A step of a cutover cannot be done; everything before it is to be undone.</summary>
internal sealed class CutoverFailedException(string message, string remedy, Exception? inner = null) : Exception(message, inner)
{
    public string Remedy { get; } = remedy;
}
