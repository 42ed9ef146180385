using System.Collections.Immutable;
using Switchyard.Client;
using Switchyard.Sql;
using Switchyard.Wire;

namespace Switchyard.Proxy.Shadow;

/// <summary>
/// Compares two servers' answers as far as the statement determines them: rows without ORDER BY in any order, rows equal under the sort in any
/// order among themselves, and which rows a LIMIT leaves only where it can be told.
/// </summary>
internal static class DigestComparison
{
    public const string TooLarge = "the answer is too large";
    public const string OpenLimit = "LIMIT leaves open which rows";
    public const string OpenOrder = "it is sorted by what is not among its columns";
    public const string OpenLetters = "it is sorted by letters that may be the same to a collation";
    public const string OpenAggregate = "an aggregate depends on the order of rows";

    public static Verdict Compare(ReadDigest source, ReadDigest target, ReadTraits traits)
    {
        if (source.ErrorCode is not null || target.ErrorCode is not null)
        {
            return source.ErrorCode == target.ErrorCode ? Verdict.Same : Verdict.Different(source, target, "error", $"source: {Answer(source)}, target: {Answer(target)}");
        }

        if (source.Columns.Count != target.Columns.Count)
        {
            return Verdict.Different(source, target, "columns", $"{source.Columns.Count} columns on the source, {target.Columns.Count} on the target");
        }

        if (source.IsTooLarge || target.IsTooLarge)
        {
            return Verdict.Open(TooLarge);
        }

        return source.Rows == target.Rows && source.Sum == target.Sum ? CompareOrder(source, target, traits) : CompareContent(source, target, traits);
    }

    /// <summary>How the columns' types or names differ, without any value; null when they do not.</summary>
    public static string? Types(ReadDigest source, ReadDigest target)
    {
        if (source.Columns.Count != target.Columns.Count)
        {
            return null;
        }

        for (var i = 0; i < source.Columns.Count; i++)
        {
            var (here, there) = (source.Columns[i], target.Columns[i]);
            if (!string.Equals(here.Name, there.Name, StringComparison.OrdinalIgnoreCase))
            {
                return $"column {i + 1} has another name on the target";
            }

            if (Family(here) != Family(there))
            {
                return $"{here.Name} is {Family(here)} on the source, {Family(there)} on the target";
            }
        }

        return null;
    }

    private static Verdict CompareOrder(ReadDigest source, ReadDigest target, ReadTraits traits)
    {
        if (!traits.HasOrder || source.Sequence == target.Sequence)
        {
            return Verdict.Same;
        }

        if (!source.HasKeys || !source.IsListed)
        {
            return Verdict.Open(OpenOrder);
        }

        var first = FirstDifference(source.KeyHashes, target.KeyHashes);
        return first is null ? Verdict.Same
            : HasUnsureKeys(source, target) ? Verdict.Open(OpenLetters)
            : Verdict.Different(source, target, "order", "the same rows come in another order") with { FirstRow = first };
    }

    private static Verdict CompareContent(ReadDigest source, ReadDigest target, ReadTraits traits)
    {
        if (traits.HasInnerLimit)
        {
            return Verdict.Open(OpenLimit);
        }

        if (traits.IsOrderSensitive)
        {
            return Verdict.Open(OpenAggregate);
        }

        // Cut to the same number of rows out of more; where the numbers differ, so do those of all rows.
        var isCut = traits.HasLimit && source.Rows == target.Rows && !(traits.Limit is { } limit && source.Rows < limit.Rows);
        return isCut && !IsDeterminedByOrder(source, target) ? Verdict.Open(OpenLimit) : Differs(source, target, traits);
    }

    /// <summary>
    /// What rows are sorted by is determined in a cut result too, and so are the rows themselves, save those equal under the sort at its two ends.
    /// </summary>
    private static bool IsDeterminedByOrder(ReadDigest source, ReadDigest target)
    {
        if (!source.HasKeys || !source.IsListed || source.Rows == 0 || HasUnsureKeys(source, target))
        {
            return false;
        }

        if (FirstDifference(source.KeyHashes, target.KeyHashes) is not null)
        {
            return true;
        }

        var (first, last) = (source.KeyHashes[0], source.KeyHashes[^1]);
        var (here, there) = (0UL, 0UL);
        for (var i = 0; i < source.KeyHashes.Count; i++)
        {
            if (source.KeyHashes[i] != first && source.KeyHashes[i] != last)
            {
                here += source.RowHashes[i];
                there += target.RowHashes[i];
            }
        }

        return here != there;
    }

    private static bool HasUnsureKeys(ReadDigest source, ReadDigest target) => source.HasUnsureKeys || target.HasUnsureKeys;

    private static Verdict Differs(ReadDigest source, ReadDigest target, ReadTraits traits)
    {
        ImmutableArray<string> columns = [.. source.Columns.Where((_, i) => source.ColumnSums[i] != target.ColumnSums[i]).Select(column => column.Name)];
        var first = source.IsListed && target.IsListed ? FirstRow(source, target, traits) : null;
        return source.Rows == target.Rows
            ? Verdict.Different(source, target, "values", "as many rows, with other values") with { FirstRow = first, Columns = columns }
            : Verdict.Different(source, target, "rows", $"{source.Rows:N0} rows on the source, {target.Rows:N0} on the target") with { FirstRow = first, Columns = columns };
    }

    private static long? FirstRow(ReadDigest source, ReadDigest target, ReadTraits traits)
    {
        if (traits.HasOrder)
        {
            return FirstDifference(source.RowHashes, target.RowHashes);
        }

        var there = target.RowHashes.CountBy(hash => hash).ToDictionary();
        for (var i = 0; i < source.RowHashes.Count; i++)
        {
            if (!there.TryGetValue(source.RowHashes[i], out var left) || left == 0)
            {
                return i + 1;
            }

            there[source.RowHashes[i]] = left - 1;
        }

        return source.Rows + 1;
    }

    private static long? FirstDifference(IReadOnlyList<ulong> source, IReadOnlyList<ulong> target)
    {
        var common = Math.Min(source.Count, target.Count);
        for (var i = 0; i < common; i++)
        {
            if (source[i] != target[i])
            {
                return i + 1;
            }
        }

        return source.Count == target.Count ? null : common + 1;
    }

    private static string Answer(ReadDigest digest) => digest.ErrorCode is { } code ? $"error {code}" : $"{digest.Rows:N0} rows";

    /// <summary>Types that mean the same to a client.</summary>
    private static string Family(ResultColumn column) => column.Type switch
    {
        ColumnType.Tiny or ColumnType.Short or ColumnType.Int24 or ColumnType.Long or ColumnType.LongLong => column.IsUnsigned ? "an unsigned integer" : "an integer",
        ColumnType.Decimal or ColumnType.NewDecimal => "a decimal",
        ColumnType.Float or ColumnType.Double => "floating point",
        ColumnType.VarChar or ColumnType.VarString or ColumnType.String or ColumnType.Enum or ColumnType.Set
            or ColumnType.TinyBlob or ColumnType.Blob or ColumnType.MediumBlob or ColumnType.LongBlob => column.Collation == 63 ? "binary" : "text",
        ColumnType.Date or ColumnType.NewDate => "a date",
        ColumnType.DateTime or ColumnType.DateTime2 => "a datetime",
        ColumnType.Timestamp or ColumnType.Timestamp2 => "a timestamp",
        ColumnType.Time or ColumnType.Time2 => "a time",
        var other => other.ToString().ToLowerInvariant(),
    };
}
