using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>A migration's reads in data-router mode, as of one moment.</summary>
/// <param name="Routed">Where the clients' own reads went.</param>
/// <param name="Shadow">Reads run again on both sides and compared.</param>
public sealed record ReadFindings(RoutedReads Routed, ShadowReadCounts Shadow);

/// <summary>Where the clients' own plain reads went.</summary>
public sealed record RoutedReads
{
    /// <summary>Answered by the target.</summary>
    public long OnTarget { get; init; }

    /// <summary>Of those, the reads that had to wait until the target had caught up.</summary>
    public long Waited { get; init; }

    /// <summary>Reads that wait now.</summary>
    public int Waiting { get; init; }

    /// <summary>Went to the source because the target had not caught up in time.</summary>
    public long FellBackByLag { get; init; }

    /// <summary>Went to the source because the target answered with an error, or its connection broke.</summary>
    public long FellBackByError { get; init; }

    /// <summary>Went to the source because the session had no connection to the target yet, or could not have one.</summary>
    public long FellBackByConnection { get; init; }
}

/// <summary>Reads run again on both sides and compared.</summary>
public sealed record ShadowReadCounts
{
    /// <summary>Compared to the end: the same, or different.</summary>
    public long Compared { get; init; }

    /// <summary>Of those, answered differently though the target had caught up.</summary>
    public long Different { get; init; }

    /// <summary>Shapes of statements among them.</summary>
    public int ShapeCount { get; init; }

    /// <summary>Shapes with a difference.</summary>
    public int DifferentShapeCount { get; init; }

    /// <summary>Run and not comparable, by reason: a LIMIT that leaves open which rows, rows that kept changing, and the like.</summary>
    public ImmutableSortedDictionary<string, long> NotComparable { get; init; } = ImmutableSortedDictionary<string, long>.Empty;

    /// <summary>Chosen and not run, by reason: volatile functions, a full queue, busy servers, and the like.</summary>
    public ImmutableSortedDictionary<string, long> NotRun { get; init; } = ImmutableSortedDictionary<string, long>.Empty;

    /// <summary>Reads that wait to be compared.</summary>
    public int Queued { get; init; }

    /// <summary>99 % of the reads took no longer than this on the source, seconds.</summary>
    public double SourceP99 { get; init; }

    /// <summary>The same on the target.</summary>
    public double TargetP99 { get; init; }

    /// <summary>The shapes, those with differences first, then the most frequent; bounded.</summary>
    public ImmutableArray<ShadowShape> Shapes { get; init; } = [];
}

/// <summary>One shape of statement.</summary>
public sealed record ShadowShape
{
    /// <summary>The statement with every literal replaced by a question mark; what it is and its tables where that is not possible.</summary>
    public required string Shape { get; init; }

    public long Compared { get; init; }

    public long Different { get; init; }

    public long NotComparable { get; init; }

    /// <summary>Reads whose column types or names differ though their values do not.</summary>
    public long TypesDiffer { get; init; }

    /// <summary>How column types or names differ, the first seen; null when they do not.</summary>
    public string? Types { get; init; }

    public double SourceP99 { get; init; }

    public double TargetP99 { get; init; }

    /// <summary>The first differences, without any value of a row or a statement.</summary>
    public ImmutableArray<ShadowDifference> Samples { get; init; } = [];
}

/// <summary>One difference.</summary>
/// <param name="At">When it was found, UTC.</param>
/// <param name="Kind"><c>error</c>, <c>columns</c>, <c>rows</c>, <c>values</c> or <c>order</c>.</param>
/// <param name="Detail">What differs, without any value.</param>
/// <param name="SourceRows">Rows of the source's answer; null when it was an error.</param>
/// <param name="TargetRows">Rows of the target's answer; null when it was an error.</param>
/// <param name="FirstRow">The first row that differs, counted from one; null when it is not known.</param>
/// <param name="Columns">Columns whose values differ.</param>
public sealed record ShadowDifference(
    DateTimeOffset At, string Kind, string Detail, long? SourceRows, long? TargetRows, long? FirstRow, ImmutableArray<string> Columns);
