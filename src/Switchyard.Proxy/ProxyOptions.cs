using System.Collections.Immutable;
using System.Net;
using System.Net.Security;
using Switchyard.Topology;

namespace Switchyard.Proxy;

/// <summary>Settings of a proxy. Changed through <c>with</c>.</summary>
public sealed record ProxyOptions
{
    /// <summary>The proxy's name in the topology; unique among live proxies.</summary>
    public string Id { get; init; } = $"proxy-{Environment.ProcessId}";

    /// <summary>Where clients connect; port 0 takes a free one.</summary>
    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 4306);

    /// <summary>The certificate shown to clients that ask for TLS, asked for at each handshake; a self-signed one is made when null.</summary>
    public Func<SslStreamCertificateContext>? Certificate { get; init; }

    /// <summary>Clients without TLS are refused with error 3159.</summary>
    public bool RequireTls { get; init; }

    /// <summary>Accounts whose passwords are known from the configuration.</summary>
    public ImmutableArray<Login.ConfiguredAccount> Accounts { get; init; } = [];

    /// <summary>Peers whose PROXY headers are believed. A header from anybody else ends the connection.</summary>
    public ImmutableArray<IPNetwork> ProxyProtocolNetworks { get; init; } = [];

    /// <summary>Clients connected at once; a further one is refused with error 1040.</summary>
    public int MaxSessions { get; init; } = 20_000;

    /// <summary>Largest command accepted, in bytes; above it the client gets error 1153, as from a server's <c>max_allowed_packet</c>.</summary>
    public int MaxCommandBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Time a client has for its login.</summary>
    public TimeSpan LoginTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time to live of the proxy's membership; without renewal it stops serving gated tables before this is over.</summary>
    public TimeSpan LeaseTimeToLive { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a read of data-router mode waits for the target to catch up before it goes to the source.</summary>
    public TimeSpan ReadWaitLimit { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Longest a statement waits for the topology's word after its gate's deadline has passed, or without a membership.</summary>
    public TimeSpan HoldLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest a stopping proxy waits for running statements and open transactions.</summary>
    public TimeSpan DrainLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often idle sessions are looked at: for legs not needed any more, and for a backend that has ended theirs.</summary>
    public TimeSpan TidyInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Legs opened at once ahead of a switch.</summary>
    public int WarmParallelism { get; init; } = 8;

    /// <summary>Where the proxy tells which statements it has seen.</summary>
    public ObservedStatements Observed { get; init; } = new();

    /// <summary>Bytes of a statement kept for lists of sessions and blockers.</summary>
    public int StatementPreviewBytes { get; init; } = 200;
}
