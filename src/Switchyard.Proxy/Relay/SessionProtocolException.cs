namespace Switchyard.Proxy.Relay;

/// <summary>One end of a session sent what the protocol does not allow at that place; the session cannot go on.</summary>
internal sealed class SessionProtocolException(string message) : Exception(message);
