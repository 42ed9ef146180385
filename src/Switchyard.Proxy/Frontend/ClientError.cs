using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Frontend;

/// <summary>An error packet of our own, or one repeated from a backend: server error code, SQLSTATE, sentence.</summary>
internal readonly record struct ClientError(ushort Code, string SqlState, string Message)
{
    /// <summary>The error of a server, and of the proxy, that takes no more connections.</summary>
    public const int TooManyConnectionsCode = 1040;

    /// <summary>ER_UNKNOWN_ERROR: for what only a proxy can refuse.</summary>
    public static ClientError Refused(string message) => new(1105, "HY000", message);

    /// <summary>The text a server sends for a command it does not know.</summary>
    public static ClientError UnknownCommand => new(1047, "08S01", "Unknown command");

    /// <summary>ER_MALFORMED_PACKET, in the words of the vendor the client takes us for.</summary>
    public static ClientError Malformed(bool isMariaDb) => new(1835, "HY000", isMariaDb ? "Malformed communication packet" : "Malformed communication packet.");

    /// <summary>ER_WRONG_ARGUMENTS, as all but MySQL 8 answer an execution that lacks the statement's parameters.</summary>
    public static ClientError WrongArguments(string command) => new(1210, "HY000", $"Incorrect arguments to {command}");

    public static ClientError TooManyConnections => new(TooManyConnectionsCode, "08004", "Too many connections");

    public static ClientError PacketTooLarge => new(1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes");

    /// <summary>ER_HANDSHAKE_ERROR: what is to be a login makes no sense.</summary>
    public static ClientError BadHandshake => new(1043, "08S01", "Bad handshake");

    /// <summary>ER_WRONG_COMPRESSION_LEVEL_CLIENT.</summary>
    public static ClientError WrongZstdLevel => new(3923, "HY000", "Invalid zstd compression level for algorithm 'zstd'.");

    public static ClientError UnknownStatement(uint id, string command) =>
        new(1243, "HY000", $"Unknown prepared statement handler ({id}) given to {command}");

    public static ClientError Shutdown => new(1053, "08S01", "Server shutdown in progress");

    /// <summary>MySQL's <c>require_secure_transport</c>, in its words.</summary>
    public static ClientError TlsRequired =>
        new(3159, "HY000", "Connections using insecure transport are prohibited while --require_secure_transport=ON.");

    /// <summary>ER_HOST_NOT_PRIVILEGED, for a peer that speaks for others without being allowed to.</summary>
    public static ClientError HeaderNotAllowed(System.Net.IPAddress peer) =>
        new(1130, "HY000", $"Host '{peer}' may not send a PROXY header here; list its network in proxy.proxy-protocol-networks.");

    public static ClientError From(LoginRefusal refusal) => new(refusal.Code, refusal.SqlState, refusal.Message);

    /// <summary>
    /// What a server said. One that is full says so in place of its greeting, where there is no SQLSTATE yet; a client that has been greeted gets the one
    /// that belongs to it.
    /// </summary>
    public static ClientError From(ServerErrorException error) =>
        error.Code == TooManyConnectionsCode
            ? TooManyConnections with { Message = error.ServerMessage }
            : new((ushort)error.Code, error.SqlState, error.ServerMessage);

    /// <summary>
    /// ER_CONNECT_TO_FOREIGN_DATA_SOURCE under SQLSTATE "unable to connect". Not the clients' own 2003: a client library takes a code of its own range
    /// in a server's packet for a malformed one.
    /// </summary>
    public static ClientError BackendDown(string backend, string reason) => new(1429, "08001", $"Switchyard cannot reach backend '{backend}': {reason}");

    /// <summary>Writes the packet with its header.</summary>
    /// <param name="text">The client's character set; null is UTF-8.</param>
    public void WriteTo(PayloadWriter into, byte sequence, Capabilities capabilities, Encoding? text = null)
    {
        using var payload = new PayloadWriter();
        new ErrorPayload { Code = Code, SqlState = Encoding.ASCII.GetBytes(SqlState), Message = (text ?? Encoding.UTF8).GetBytes(Message) }.Write(payload, capabilities);
        PacketIO.Frame(into, payload.WrittenSpan, sequence);
    }
}
