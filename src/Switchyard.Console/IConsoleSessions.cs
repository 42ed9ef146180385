namespace Switchyard.WebConsole;

/// <summary>The client sessions of the proxies the console can ask; registered by the host, without which no sessions are shown.</summary>
public interface IConsoleSessions
{
    /// <summary>The proxy these sessions are on.</summary>
    string ProxyId { get; }

    /// <summary>All sessions as of now.</summary>
    IReadOnlyList<ConsoleSession> List();

    /// <summary>Ends a session; false when there is none with that id.</summary>
    Task<bool> KillAsync(long id, CancellationToken cancellationToken);
}

/// <summary>One client's session.</summary>
public sealed record ConsoleSession
{
    /// <summary>Its id on its proxy.</summary>
    public required long Id { get; init; }

    /// <summary>The account it logged in with.</summary>
    public required string User { get; init; }

    /// <summary>The client's address and port.</summary>
    public required string Client { get; init; }

    /// <summary>Its current schema; null without one.</summary>
    public string? Schema { get; init; }

    /// <summary><c>idle</c>, <c>running</c>, <c>held</c> and the like.</summary>
    public required string State { get; init; }

    /// <summary>A transaction is open.</summary>
    public bool InTransaction { get; init; }

    /// <summary>The backends it has connections to.</summary>
    public IReadOnlyList<string> Backends { get; init; } = [];

    /// <summary>Why it cannot change backends; empty when it can.</summary>
    public IReadOnlyList<string> Pins { get; init; } = [];

    /// <summary>What the statement under way is and touches, without values; null when idle.</summary>
    public string? Statement { get; init; }

    /// <summary>For how long it is in its state, milliseconds.</summary>
    public long AgeMs { get; init; }
}
