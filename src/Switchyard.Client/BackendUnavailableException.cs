namespace Switchyard.Client;

/// <summary>Why there is no connection.</summary>
public enum UnavailableReason
{
    /// <summary>No TCP connection could be made.</summary>
    ConnectFailed,

    /// <summary>TLS could not be agreed, or the certificate was not accepted.</summary>
    TlsFailed,

    /// <summary>The server wants a proof that these options cannot give.</summary>
    LoginImpossible,

    /// <summary>The connection broke. A command under way may have been executed or not.</summary>
    ConnectionLost,

    /// <summary>The server did not answer in time. A command under way may have been executed or not.</summary>
    TimedOut,

    /// <summary>The connection was given up earlier: its last command was cancelled, or it broke then.</summary>
    Abandoned,
}

/// <summary>
/// The network broke, or the server could not be reached: nothing was said by the server, and the connection cannot be used any further.
/// </summary>
public sealed class BackendUnavailableException(UnavailableReason reason, string message, Exception? inner = null) : Exception(message, inner)
{
    public UnavailableReason Reason { get; } = reason;
}
