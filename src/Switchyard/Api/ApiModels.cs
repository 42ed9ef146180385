using Switchyard.Migration;

namespace Switchyard.Api;

/// <summary>A backend as answered: without its password.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dsn">Where and how, with the password replaced.</param>
/// <param name="Version">The server's version when it was added; null when it has not been reached yet.</param>
/// <param name="Default">It answers for tables without a rule.</param>
/// <param name="AddedAt">UTC.</param>
internal sealed record BackendInfo(string Name, string Dsn, string? Version, bool Default, DateTimeOffset AddedAt);

/// <summary><c>backend move</c>.</summary>
internal sealed record MoveBackendRequest
{
    /// <summary>Where the server is that takes the backend's place.</summary>
    public required string Dsn { get; init; }
}

/// <summary><c>backend add</c>.</summary>
internal sealed record AddBackendRequest
{
    public required string Name { get; init; }

    public required string Dsn { get; init; }

    /// <summary>Makes it the answer for tables without a rule; the first backend becomes it anyway.</summary>
    public bool Default { get; init; }
}

/// <summary>The answer of <c>backend test</c> and <c>add</c>.</summary>
internal sealed record BackendReport
{
    public required string Name { get; init; }

    /// <summary>With the password replaced.</summary>
    public required string Dsn { get; init; }

    /// <summary>It can be reached and no finding is an error.</summary>
    public bool Ok => Reachable && Findings.All(finding => finding.Severity != FindingSeverity.Error);

    public required bool Reachable { get; init; }

    /// <summary><c>mysql</c> or <c>mariadb</c>.</summary>
    public string? Vendor { get; init; }

    public string? Version { get; init; }

    public string? VersionString { get; init; }

    /// <summary>The account the server took us for.</summary>
    public string? Account { get; init; }

    /// <summary>The cipher of the connection; null when it is not encrypted.</summary>
    public string? TlsCipher { get; init; }

    public uint? ServerId { get; init; }

    public bool? LogBin { get; init; }

    public string? BinlogFormat { get; init; }

    public string? BinlogRowImage { get; init; }

    /// <summary>MySQL: <c>gtid_mode</c>. MariaDB always has GTIDs.</summary>
    public string? GtidMode { get; init; }

    public bool? ReadOnly { get; init; }

    public int? LowerCaseTableNames { get; init; }

    public required IReadOnlyList<Finding> Findings { get; init; }
}

/// <summary>The answer of <c>routing show</c>.</summary>
internal sealed record RoutingInfo(long Epoch, string? DefaultBackend, bool IgnoreCase, IReadOnlyList<RoutingRuleInfo> Rules, IReadOnlyList<GateInfo> Gates);

/// <param name="Table"><c>*</c> for every table of the schema.</param>
internal sealed record RoutingRuleInfo(
    string Schema, string Table, string Writes, string Reads, int ReadPercent, string Consistency, string? Migration);

internal sealed record GateInfo(string Id, string Migration, string State, long Epoch, DateTimeOffset Deadline, IReadOnlyList<string> Tables);

/// <summary>One line of <c>proxy list</c>.</summary>
internal sealed record ProxyInfo(string Id, string Address, DateTimeOffset StartedAt, int? Sessions);

/// <summary>One client's session on this process's proxy.</summary>
internal sealed record SessionInfo
{
    public required long Id { get; init; }

    /// <summary>The connection id its client was greeted with.</summary>
    public long ConnectionId { get; init; }

    public required string User { get; init; }

    /// <summary>Address and port.</summary>
    public required string Client { get; init; }

    public string? Schema { get; init; }

    /// <summary><c>idle</c>, <c>running</c>, <c>held</c> or <c>login</c>.</summary>
    public required string State { get; init; }

    public bool InTransaction { get; init; }

    /// <summary>The backends it has a connection to.</summary>
    public IReadOnlyList<string> Backends { get; init; } = [];

    /// <summary>Why it cannot change backends; empty when it can.</summary>
    public IReadOnlyList<string> Pins { get; init; } = [];

    /// <summary>Kind and tables of the statement under way, without values; null when idle.</summary>
    public string? Statement { get; init; }

    /// <summary>How long it has been in that state, in milliseconds.</summary>
    public long AgeMs { get; init; }

    /// <summary>Backends that do not let its account in, and would not at a switch; empty when none is known.</summary>
    public IReadOnlyList<SessionRefusalInfo> Refusals { get; init; } = [];
}

/// <param name="Reason">The backend's words, or why a login there is not possible.</param>
/// <param name="Since">When the session was first refused there.</param>
internal sealed record SessionRefusalInfo(string Backend, string Reason, DateTimeOffset Since);

/// <summary>The answer of verbs that have nothing else to say.</summary>
internal sealed record Done(string Result);
