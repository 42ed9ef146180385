using Switchyard.Binlog;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tables;

/// <summary>
/// The keys by which two changes of a table can meet on the target: its primary and unique indexes, and the key rows are found by. Equal keys always
/// give the same number; that different ones may too costs a wait and nothing else.
/// </summary>
internal sealed class ConflictKeys
{
    private const ulong Prime = 0x9E37_79B9_7F4A_7C15;
    private readonly IndexKey[] _indexes;
    private readonly ulong _seed;

    public ConflictKeys(TableDefinition source, TableDefinition target)
    {
        _seed = Mix(Prime, System.Text.Encoding.UTF8.GetBytes(source.Name.ToString()));
        IsTransactional = target.Engine.Equals("InnoDB", StringComparison.OrdinalIgnoreCase);
        var keys = target.Indexes.Where(i => i.IsUnique).Append(source.Key!).DistinctBy(i => string.Join(",", i.Parts.Select(p => p.Column + p.PrefixLength)));
        _indexes = [.. keys.Select((index, i) => new IndexKey(Mix(_seed, (ulong)i), [.. index.Parts.Select(p => PartOf(p, source, target)).Where(p => p is not null).Select(p => p!.Value)]))];
    }

    private enum Form
    {
        /// <summary>Equal values have equal bytes.</summary>
        Exact,

        /// <summary>Equal values have equal bytes but for spaces at the end.</summary>
        Padded,

        /// <summary>Of plain ASCII, equal values have the same letters and digits but for case; of anything else nothing is said.</summary>
        Folded,
    }

    /// <summary>Whether the target takes changes back; otherwise nothing may run ahead of its turn.</summary>
    public bool IsTransactional { get; }

    /// <summary>The number that every change of the table bears.</summary>
    public ulong Any => Mix(_seed, 0xA11);

    /// <summary>The number of changes whose keys cannot be told here: they meet every other change of the table.</summary>
    public ulong Untold => Mix(_seed, 0x0DD);

    /// <summary>Adds the numbers of a row's keys.</summary>
    /// <returns>False when a key cannot be told.</returns>
    public bool TryCollect(RowImage row, List<ulong> numbers)
    {
        foreach (var index in _indexes)
        {
            var number = index.Seed;
            var isNull = false;
            foreach (var part in index.Parts)
            {
                var cell = row[part.Ordinal];
                if (cell.IsAbsent)
                {
                    return false;
                }

                if (cell.IsNull)
                {
                    isNull = true;
                    break;
                }

                if (part.Form == Form.Folded)
                {
                    if (!System.Text.Ascii.IsValid(cell.Bytes.Span))
                    {
                        return false;
                    }

                    number = MixFolded(number, cell.Bytes.Span);
                }
                else
                {
                    number = Mix(number, part.Form == Form.Padded ? cell.Bytes.Span.TrimEnd((byte)' ') : cell.Bytes.Span);
                }
            }

            // NULL is no one's equal.
            if (!isNull)
            {
                numbers.Add(number);
            }
        }

        return true;
    }

    private static KeyPart? PartOf(IndexPart part, TableDefinition source, TableDefinition target)
    {
        // A part that is left out makes more keys look equal, never fewer.
        if (part.Column is null || part.PrefixLength is not null
            || source.Columns.FirstOrDefault(c => Same(c.Name, part.Column)) is not { } from || target.Columns.FirstOrDefault(c => Same(c.Name, part.Column)) is not { } to)
        {
            return null;
        }

        return FormOf(from, to) is { } form ? new KeyPart(from.Ordinal, form) : null;
    }

    private static Form? FormOf(ColumnDefinition from, ColumnDefinition to)
    {
        if (from.Kind != to.Kind)
        {
            return null;
        }

        switch (to.Kind)
        {
            case ColumnKind.Integer or ColumnKind.Year or ColumnKind.Date or ColumnKind.Bit or ColumnKind.Binary:
                return Form.Exact;
            case ColumnKind.Decimal or ColumnKind.Time or ColumnKind.DateTime or ColumnKind.Timestamp or ColumnKind.Enum or ColumnKind.Set:
                // A narrower type could make two values one.
                return Same(from.ColumnType, to.ColumnType) ? Form.Exact : null;
            case ColumnKind.Text when to.Collation is { } collation && Same(from.CharacterSet, to.CharacterSet) && !to.CharacterSet!.StartsWith("ucs", StringComparison.OrdinalIgnoreCase)
                && !to.CharacterSet.StartsWith("utf16", StringComparison.OrdinalIgnoreCase) && !to.CharacterSet.StartsWith("utf32", StringComparison.OrdinalIgnoreCase):
                return collation.EndsWith("_bin", StringComparison.Ordinal) ? Form.Padded : FoldsPlainly(collation) ? Form.Folded : null;
            default:
                return null;
        }
    }

    // Collations without a language of their own: of ASCII letters and digits they call equal only what differs in case. (Swedish takes v for w,
    // Roman u for v, and so on.) Marks are left out of the number, so whether they count does not matter.
    private static bool FoldsPlainly(string collation) =>
        collation.EndsWith("_general_ci", StringComparison.Ordinal) || collation.EndsWith("_general_nopad_ci", StringComparison.Ordinal)
        || collation.EndsWith("_unicode_ci", StringComparison.Ordinal) || collation.EndsWith("_unicode_520_ci", StringComparison.Ordinal)
        || collation is "utf8mb4_0900_ai_ci" or "utf8mb4_0900_as_ci" or "utf8mb4_0900_as_cs" or "latin1_swedish_ci" or "latin1_general_cs"
        || collation.Contains("_uca1400_ai_c", StringComparison.Ordinal) || collation.Contains("_uca1400_as_c", StringComparison.Ordinal);

    private static bool Same(string? left, string? right) => string.Equals(left, right, StringComparison.OrdinalIgnoreCase);

    private static ulong Mix(ulong number, ulong value)
    {
        number = (number ^ value) * Prime;
        return number ^ (number >> 29);
    }

    private static ulong Mix(ulong number, ReadOnlySpan<byte> bytes)
    {
        number = Mix(number, (ulong)bytes.Length);
        while (bytes.Length >= 8)
        {
            number = Mix(number, System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        ulong rest = 0;
        foreach (var b in bytes)
        {
            rest = (rest << 8) | b;
        }

        return Mix(number, rest);
    }

    private static ulong MixFolded(ulong number, ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
        {
            if (char.IsAsciiLetterOrDigit((char)b))
            {
                number = Mix(number, (ulong)(b | 0x20));
            }
        }

        return Mix(number, 0);
    }

    private readonly record struct KeyPart(int Ordinal, Form Form);

    private sealed record IndexKey(ulong Seed, KeyPart[] Parts);
}
