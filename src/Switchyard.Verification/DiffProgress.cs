namespace Switchyard.Verification;

/// <summary>How a row differs, seen from the following side.</summary>
public enum DifferenceKind
{
    /// <summary>Only the authoritative side has it.</summary>
    Missing,

    /// <summary>Only the following side has it.</summary>
    Extra,

    /// <summary>Both have it, with different values.</summary>
    Different,
}

/// <summary>One differing row.</summary>
/// <param name="Kind">How it differs.</param>
/// <param name="Key">The key's columns joined by a comma; what is not printable as hexadecimal.</param>
/// <param name="Columns">The differing columns; empty when the whole row is missing or extra.</param>
/// <param name="From">The authoritative values of those columns; null unless asked for.</param>
/// <param name="To">The following side's values of those columns; null unless asked for.</param>
public sealed record RowDifference(
    DifferenceKind Kind, string Key, IReadOnlyList<string> Columns, IReadOnlyList<string?>? From, IReadOnlyList<string?>? To);

/// <summary>What is compared of one table. Immutable; also the checkpoint a stopped comparison resumes from.</summary>
public sealed record TableProgress
{
    /// <summary>The table's name, as <see cref="DiffOptions.NameOf"/> gives it.</summary>
    public required string Name { get; init; }

    /// <summary>The authoritative side's estimate.</summary>
    public long RowsEstimated { get; init; }

    /// <summary>Rows of the authoritative side that were compared.</summary>
    public long Rows { get; init; }

    /// <summary>Rows only the authoritative side has.</summary>
    public long Missing { get; init; }

    /// <summary>Rows only the following side has.</summary>
    public long Extra { get; init; }

    /// <summary>Rows with different values.</summary>
    public long Different { get; init; }

    /// <summary>Differing rows that were made equal.</summary>
    public long Repaired { get; init; }

    /// <summary>The first differences found.</summary>
    public IReadOnlyList<RowDifference> Samples { get; init; } = [];

    /// <summary>Everything is compared.</summary>
    public bool Done { get; init; }

    /// <summary>Some of it is compared.</summary>
    public bool Begun { get; init; }

    /// <summary>0 while ranges of the authoritative side are compared, 1 while the following side is searched for extra rows.</summary>
    public int Pass { get; init; }

    /// <summary>The last compared key of the pass, packed; null at its beginning.</summary>
    public byte[]? After { get; init; }

    /// <summary>All differences.</summary>
    public long Differences => Missing + Extra + Different;
}
