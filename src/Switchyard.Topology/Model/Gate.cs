using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>The one-way life of a gate: held, then flipped or abandoned, each by compare-and-set, so never both.</summary>
public enum GateState
{
    Held,
    Flipped,
    Abandoned,
}

/// <summary>Tables meant by a gate; <see cref="Table"/> null is every table of the schema.</summary>
public readonly record struct TableScope(string Schema, string? Table)
{
    /// <summary>True when the table is in this scope, compared as servers with the given case rule do.</summary>
    public bool Covers(ReadOnlySpan<char> schema, ReadOnlySpan<char> table, bool ignoreCase)
    {
        var comparison = ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return schema.Equals(Schema, comparison) && (Table is null || table.Equals(Table, comparison));
    }

    public override string ToString() => $"{Schema}.{Table ?? "*"}";
}

/// <summary>
/// Holds statements that touch its tables. <see cref="Epoch"/> is the epoch the routing table will have if it flips. Any proxy may turn
/// <see cref="GateState.Held"/> into <see cref="GateState.Abandoned"/> after <see cref="Deadline"/>, and resumes at the old place only after
/// having read that it is abandoned.
/// </summary>
public sealed record Gate(
    string Id,
    string Migration,
    long Epoch,
    GateState State,
    DateTimeOffset Deadline,
    ImmutableArray<TableScope> Scopes,
    int MaxHeldStatements,
    long MaxHeldBytes)
{
    /// <summary>The backend whose running statements must end: where the gated tables are written now.</summary>
    public string? From { get; init; }

    /// <summary>Where held statements go if the gate flips.</summary>
    public string? To { get; init; }

    /// <summary>Why it was abandoned, for the operator.</summary>
    public string? Reason { get; init; }

    /// <summary>Sessions that block the drain are killed instead of waited for.</summary>
    public bool KillBlockers { get; init; }

    public bool Covers(ReadOnlySpan<char> schema, ReadOnlySpan<char> table, bool ignoreCase)
    {
        foreach (var scope in Scopes)
        {
            if (scope.Covers(schema, table, ignoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
