using Switchyard.Client;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Sockets;
using Switchyard.Wire;

namespace Switchyard.Proxy.Legs;

/// <summary>A session's own connection to one backend. One user at a time: whoever has the session's turn.</summary>
internal sealed class BackendLeg(string backend, BackendTransport transport) : IAsyncDisposable
{
    public string Backend { get; } = backend;

    /// <summary>The connection as it was handed over, for whoever takes it from the leg.</summary>
    public BackendTransport Transport { get; } = transport;

    public Link Link { get; } = new(transport.Stream);

    /// <summary>The connection under the link.</summary>
    public LoopSocket Socket { get; } = (LoopSocket)transport.Connection;

    /// <summary>Our port of the connection.</summary>
    public int LocalPort { get; } = ((LoopSocket)transport.Connection).LocalEndPoint.Port;

    public ServerInfo Server { get; } = transport.Server;

    public Capabilities Capabilities { get; } = transport.Negotiated;

    public bool DeprecateEof { get; } = (transport.Negotiated & Capabilities.DeprecateEof) != 0;

    /// <summary>Statements go to it with attributes, if only none.</summary>
    public bool HasQueryAttributes { get; } = (transport.Negotiated & Capabilities.QueryAttributes) != 0;

    /// <summary>The user name it is logged in by, which is not the client's where an account was made for it.</summary>
    public required string User { get; init; }

    /// <summary>Where the backend was when it was opened.</summary>
    public required (string Host, int Port) Address { get; init; }

    /// <summary>What the backend reported of the session's state when it let us in; empty where it does not track it.</summary>
    public required ReadOnlyMemory<byte> InitialState { get; init; }

    /// <summary>How the backend read statements when it let us in, and does again after a reset; null where it could not be asked.</summary>
    public LegSettings? Settings { get; init; }

    /// <summary>The backend's own id of this connection.</summary>
    public uint ConnectionId => Server.ConnectionId;

    /// <summary>Follows the answer under way, and keeps the status flags of the last one.</summary>
    public ResponseScanner Scanner { get; } = NewScanner(transport);

    /// <summary>The leg's current schema; null when it has none.</summary>
    public string? Schema { get; set; }

    /// <summary>Changes of session variables up to this number have been carried to this leg (or were made on it).</summary>
    public long SyncedVersion { get; set; }

    /// <summary>The same for what a plain read does not depend on: user variables and the like.</summary>
    public long SyncedUserVersion { get; set; }

    /// <summary>Prepared statements by the client's id.</summary>
    public Dictionary<uint, LegStatement> Prepared { get; } = [];

    /// <summary>The connection can no longer be trusted to be between two commands.</summary>
    public bool IsBroken { get; set; }

    /// <summary>A command is with the backend and its answer is not complete: closing the connection would not end it there.</summary>
    public bool AwaitsAnswer { get; set; }

    /// <summary>A ping is with the backend that nobody waits for; its answer is taken before the leg is used next.</summary>
    public bool OwesPing { get; set; }

    /// <summary>
    /// The account's password has expired, and the backend says this to everything but setting another one; null once that is done, and usually from the beginning.
    /// </summary>
    public ServerErrorException? Expired { get; set; }

    /// <summary>When it was logged in, as a timestamp of the session's time provider; 0 before a session has it.</summary>
    public long OpenedAt { get; set; }

    /// <summary>When it last ran something, as a timestamp of the session's time provider.</summary>
    public long LastUsed { get; set; }

    public bool InTransaction => Scanner.InTransaction;

    /// <summary>Whether something has come from the backend, or the connection was closed, while no command is with it.</summary>
    public bool HasUnasked() => !AwaitsAnswer && !OwesPing && HasInput();

    /// <summary>Whether what has come, or the end of the connection, is to be taken for the answer to a ping first.</summary>
    public bool HasPingAnswer() => OwesPing && HasInput();

    private bool HasInput()
    {
        try
        {
            return Socket.HasInput;
        }
        catch (Exception exception) when (exception is System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            return true;
        }
    }

    /// <summary>Says goodbye if the connection is at rest, and closes it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!IsBroken && !AwaitsAnswer)
        {
            try
            {
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
                await Link.WriteAsync(s_quit, limit.Token);
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
            {
                // It is closed below in any case.
            }
        }

        IsBroken = true;
        await Link.DisposeAsync();
    }

    private static readonly byte[] s_quit = [1, 0, 0, 0, (byte)CommandKind.Quit];

    private static ResponseScanner NewScanner(BackendTransport transport)
    {
        var scanner = new ResponseScanner { TracksState = (transport.Negotiated & Capabilities.SessionTrack) != 0 };
        scanner.SetStatus((ushort)transport.Status);
        return scanner;
    }
}

/// <summary>A prepared statement as one leg knows it.</summary>
/// <param name="ServerId">The backend's id.</param>
internal sealed record LegStatement(uint ServerId)
{
    /// <summary>The parameters' types that the backend has been told last: an execution need not repeat them. Null before it was told any.</summary>
    public byte[]? BoundTypes { get; set; }

    /// <summary>Whether an execution that tells no types would be understood with others than the client has bound, wherever it did so.</summary>
    public bool LacksTypes(Sessions.PreparedStatement prepared) => prepared.ParameterTypes is { } types && !ReferenceEquals(types, BoundTypes);
}
