namespace Switchyard.Hosting;

/// <summary>An address cannot be listened on; the message says which and why.</summary>
internal sealed class ListenException(string message, Exception inner) : Exception(message, inner);
