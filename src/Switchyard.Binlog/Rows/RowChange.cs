using System.Collections;
using Switchyard.Client;

namespace Switchyard.Binlog;

/// <summary>
/// A value in canonical form: the bytes the text protocol prints (UTC session, the column's own character set), with numbers in plain decimal,
/// FLOAT and DOUBLE as the shortest text that reads back as the same double, BIT, ENUM and SET as unsigned decimal.
/// </summary>
public readonly struct Cell
{
    // Compared in steps, since it may lie in a file.
    private const int LongBytes = 1024 * 1024;

    private readonly byte _state;

    internal Cell(ReadOnlyMemory<byte> bytes)
    {
        Bytes = bytes;
        _state = 1;
    }

    private Cell(byte state)
    {
        Bytes = default;
        _state = state;
    }

    /// <summary>SQL NULL.</summary>
    public static Cell Null => default;

    /// <summary>Not in the row image; only generated columns may be.</summary>
    internal static Cell Absent => new(2);

    /// <summary>Makes a cell from canonical bytes, which it keeps.</summary>
    public static Cell FromBytes(ReadOnlyMemory<byte> bytes) => new(bytes);

    /// <summary>SQL NULL (also true for an absent value).</summary>
    public bool IsNull => _state != 1;

    /// <summary>A generated column the server did not log.</summary>
    public bool IsAbsent => _state == 2;

    /// <summary>The canonical bytes; empty when null.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Same canonical value.</summary>
    public bool ValueEquals(Cell other) =>
        _state == other._state && (Bytes.Length > LongBytes ? LongEquals(Bytes, other.Bytes) : Bytes.Span.SequenceEqual(other.Bytes.Span));

    private static bool LongEquals(ReadOnlyMemory<byte> left, ReadOnlyMemory<byte> right)
    {
        var equal = left.Length == right.Length;
        while (equal && !left.IsEmpty)
        {
            var (some, other) = (SpilledBytes.TakeStep(ref left), SpilledBytes.TakeStep(ref right));
            equal = some.Span.SequenceEqual(other.Span);
            SpilledBytes.Release(some);
            SpilledBytes.Release(other);
        }

        return equal;
    }

    /// <summary>The bytes read as UTF-8, or NULL. For messages and tests; never log it above debug.</summary>
    public override string ToString() => IsNull ? "NULL" : System.Text.Encoding.UTF8.GetString(Bytes.Span);
}

/// <summary>One image of a row: a cell for each column of the table, in order.</summary>
public readonly struct RowImage : IReadOnlyList<Cell>
{
    private readonly Cell[]? _cells;
    private readonly int _start;

    internal RowImage(Cell[] cells, int start, int count)
    {
        _cells = cells;
        _start = start;
        Count = count;
    }

    /// <summary>Makes an image of cells, which it keeps.</summary>
    public RowImage(Cell[] cells)
        : this(cells, 0, (cells ?? throw new ArgumentNullException(nameof(cells))).Length)
    {
    }

    /// <summary>False when there is no such image: before an insert, after a delete.</summary>
    public bool IsPresent => _cells is not null;

    /// <summary>Number of columns; 0 when not present.</summary>
    public int Count { get; }

    /// <summary>The cells without copying.</summary>
    public ReadOnlySpan<Cell> Cells => _cells.AsSpan(_start, Count);

    /// <inheritdoc/>
    public Cell this[int index] => Cells[index];

    /// <inheritdoc/>
    public IEnumerator<Cell> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
        {
            yield return _cells![_start + i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>One row's change. An insert has only After, a delete only Before.</summary>
/// <param name="Before">The row before the change.</param>
/// <param name="After">The row after the change.</param>
public readonly record struct RowChange(RowImage Before, RowImage After);
