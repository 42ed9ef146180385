using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>Asks proxies to open and prepare their sessions' legs to a backend before the pause.</summary>
public sealed record WarmRequest(string Id, string Migration, string Backend)
{
    /// <summary>Sessions that can reach these tables are meant; empty means all sessions.</summary>
    public ImmutableArray<TableScope> Scopes { get; init; } = [];
}

/// <summary>A session whose leg could not be opened or whose state cannot move, and why.</summary>
public sealed record WarmFailure(long SessionId, string Client, string Reason)
{
    /// <summary>The backend does not let the session's account in, and will not at the switch either.</summary>
    public bool CannotLogIn { get; init; }
}

/// <summary>One proxy's answer to a warm request, once all its sessions were tried.</summary>
public sealed record WarmAck(string RequestId, string ProxyId, int Sessions, int Warmed, ImmutableArray<WarmFailure> Failures);
