namespace Switchyard.Topology;

/// <summary>How fresh a read on the reading side must be.</summary>
public enum ReadConsistency
{
    /// <summary>A read sees every write acknowledged before it began, whoever made it.</summary>
    Global,

    /// <summary>A read sees the writes of its own session.</summary>
    Session,

    /// <summary>A read may be old by the replication lag.</summary>
    Eventual,
}

/// <summary>
/// Who answers for a table. <see cref="Table"/> null stands for every table of the schema; a rule that names the table is stronger.
/// <see cref="Writer"/> takes writes, locking reads and read-write transactions; <see cref="Reader"/> takes plain reads of
/// <see cref="ReadPercent"/> (0 to 100) of the sessions, the writer the rest.
/// </summary>
public sealed record RoutingRule(
    string Schema,
    string? Table,
    string Writer,
    string Reader,
    string? Migration = null,
    int ReadPercent = 100,
    ReadConsistency Consistency = ReadConsistency.Global)
{
    /// <summary>Share of the plain reads that are run again on writer and reader and compared, percent.</summary>
    public int ShadowPercent { get; init; }
}

/// <summary>The answer of the routing table for one table. <see cref="Rule"/> is null when no rule names it and the default backend answers.</summary>
public readonly record struct Route(string Writer, string Reader, RoutingRule? Rule)
{
    /// <summary>True when one backend takes reads and writes.</summary>
    public bool IsSingle => Rule is null || Rule.ReadPercent == 0 || string.Equals(Writer, Reader, StringComparison.Ordinal);
}
