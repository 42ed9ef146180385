namespace Switchyard.Migration;

/// <summary>The answer of <c>switch</c> and <c>reverse</c>.</summary>
public sealed record SwitchReport
{
    /// <summary><c>switched</c>, <c>reversed</c>, <c>rehearsed</c>, <c>planned</c> or <c>not_switched</c>.</summary>
    public required string Result { get; init; }

    /// <summary>The steps that ran, in order, with their own milliseconds.</summary>
    public required IReadOnlyList<StepTiming> Steps { get; init; }

    /// <summary>Statements that waited at the gate, all proxies together.</summary>
    public int HeldStatements { get; init; }

    /// <summary>The longest any of them waited, milliseconds.</summary>
    public double LongestHoldMs { get; init; }

    /// <summary>From the hold to the flip, which lets the held statements go on; of a rehearsal to the end of what it rehearsed; milliseconds.</summary>
    public double PauseMs { get; init; }

    /// <summary>The last position of the old authoritative side, applied on the new one.</summary>
    public string? SourcePosition { get; init; }

    /// <summary>The position of the new authoritative side at which replication back begins.</summary>
    public string? TargetPosition { get; init; }

    /// <summary>The routing table's epoch afterwards.</summary>
    public long Epoch { get; init; }

    /// <summary>What the precheck found.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>What would be done, in order; only for a dry run.</summary>
    public IReadOnlyList<string> Plan { get; init; } = [];

    /// <summary>Why it was not done; null when it was.</summary>
    public string? Error { get; init; }
}

/// <summary>One step that ran.</summary>
/// <param name="Name">As in the documentation of the cutover.</param>
/// <param name="Ms">Its own time, milliseconds.</param>
public sealed record StepTiming(string Name, double Ms);

/// <summary>The answer of <c>complete</c>.</summary>
/// <param name="Result"><c>completed</c> or <c>planned</c>.</param>
/// <param name="Actions">What was done or would be done, in order.</param>
/// <param name="Findings">What was found on the way.</param>
public sealed record CompleteReport(string Result, IReadOnlyList<string> Actions, IReadOnlyList<Finding> Findings);

/// <summary>One line of <c>migration list</c>.</summary>
/// <param name="Name">The migration's name.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Source">The backend the data comes from.</param>
/// <param name="Target">The backend the data goes to.</param>
/// <param name="Schema">The schema that moves; several are separated by a comma and a space.</param>
/// <param name="Tables">How many tables.</param>
/// <param name="Writes">The authoritative backend.</param>
/// <param name="LagSeconds">Of the running stream; null when none runs.</param>
/// <param name="Error">Why it stands still; null while it does not.</param>
public sealed record MigrationSummary(
    string Name, MigrationState State, string Source, string Target, string Schema, int Tables, string Writes, double? LagSeconds, string? Error);

/// <summary>The answer of <c>migration show</c>: the settings, the rules and the journal.</summary>
/// <param name="Status">As <c>status</c>.</param>
/// <param name="Settings">As created.</param>
/// <param name="Journal">The latest journal entries, oldest first, at most 200.</param>
public sealed record MigrationDetails(MigrationStatus Status, CreateMigrationRequest Settings, IReadOnlyList<JournalLine> Journal);

/// <summary>One journal entry, for people.</summary>
/// <param name="At">UTC.</param>
/// <param name="Operation">The operation it belongs to, for example <c>switch-3</c>.</param>
/// <param name="Step">The step.</param>
/// <param name="Event"><c>begin</c>, <c>done</c>, <c>undo</c>, <c>failed</c> or <c>note</c>.</param>
/// <param name="Detail">A sentence; may be empty.</param>
public sealed record JournalLine(DateTimeOffset At, string Operation, string Step, string Event, string Detail);

/// <summary>The answer of <c>diagnose</c>, and of <c>repair</c> with what was done.</summary>
/// <param name="Healthy">Nothing is held, half done or in error.</param>
/// <param name="Summary">One sentence.</param>
/// <param name="Observations">What is held, by whom, since when, which step.</param>
/// <param name="Next">What <c>repair</c> would do, in order; after <c>repair</c>, what it did.</param>
/// <param name="Blockers">Sessions that keep a gate from draining.</param>
public sealed record Diagnosis(
    bool Healthy, string Summary, IReadOnlyList<string> Observations, IReadOnlyList<string> Next, IReadOnlyList<BlockerInfo> Blockers)
{
    /// <summary>What somebody has to do that <c>repair</c> cannot.</summary>
    public IReadOnlyList<string> Advice { get; init; } = [];
}

/// <summary>A session that keeps a gate from draining.</summary>
/// <param name="Proxy">The proxy it is on.</param>
/// <param name="Session">Its id there.</param>
/// <param name="Client">The client's address.</param>
/// <param name="Statement">Its last statement, shortened.</param>
/// <param name="AgeMs">For how long, milliseconds.</param>
/// <param name="Reason">Why it blocks: an open transaction, a pinned state, a running statement.</param>
public sealed record BlockerInfo(string Proxy, string Session, string Client, string Statement, double AgeMs, string Reason);

/// <summary>The answer of <c>accounts copy</c>.</summary>
/// <param name="Accounts">One line per account.</param>
public sealed record CopyAccountsReport(IReadOnlyList<AccountCopy> Accounts);

/// <summary>One account of <c>accounts copy</c>.</summary>
/// <param name="Account"><c>'user'@'host'</c>.</param>
/// <param name="Result"><c>exists</c>, <c>created</c>, <c>planned</c> or <c>refused</c>.</param>
/// <param name="Credential"><c>same-hash</c>, <c>generated</c> or <c>unchanged</c>.</param>
/// <param name="Grants">The grants given on the target.</param>
/// <param name="Note">What the operator should know; may be empty.</param>
public sealed record AccountCopy(string Account, string Result, string Credential, IReadOnlyList<string> Grants, string Note);

/// <summary>Something happened to a migration, for consoles and followers.</summary>
/// <param name="At">UTC.</param>
/// <param name="Migration">The migration's name.</param>
/// <param name="Kind"><c>state</c>, <c>step</c>, <c>diff</c>, <c>stream</c> or <c>error</c>.</param>
/// <param name="Message">A sentence.</param>
public sealed record MigrationEvent(DateTimeOffset At, string Migration, string Kind, string Message);
