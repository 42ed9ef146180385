using Switchyard.Binlog.Decoding;
using Switchyard.Client;

namespace Switchyard.Binlog;

/// <summary>
/// Reads rows events row by row, into memory that is used again for the next: however many rows an event has, one is held. Not thread-safe.
/// </summary>
public sealed class RowsReader
{
    // What was looked at of an event in a file is resident until it is released.
    private const int ReleasedBytes = 1024 * 1024;

    private readonly CellArena _arena = new(0);
    private RowsEvent? _rows;
    private TableShape? _shape;
    private Cell[] _before = [];
    private Cell[] _after = [];
    private int _offset;
    private int _released;

    /// <summary>The row read last. Its cells are valid until the next <see cref="Read"/>, and those that needed no formatting as long as the event's memory.</summary>
    public RowChange Current { get; private set; }

    /// <summary>Begins an event, which must not move while it is read.</summary>
    /// <param name="rows">The event.</param>
    /// <param name="shape">What the schema knows about the columns and the log does not.</param>
    /// <exception cref="UnsupportedEventException">The image is not full.</exception>
    /// <exception cref="TableShapeMismatchException">The log's columns are not those of the shape.</exception>
    public void Open(RowsEvent rows, TableShape shape)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(shape);
        RowsDecoder.Check(rows, shape);
        if (!ReferenceEquals(shape, _shape))
        {
            _before = new Cell[shape.Columns.Length];
            _after = new Cell[shape.Columns.Length];
        }

        _rows = rows;
        _shape = shape;
        Restart();
    }

    /// <summary>The event is read from its first row again.</summary>
    public void Restart()
    {
        _offset = _released = 0;
        Current = default;
    }

    /// <summary>Lets go of the event.</summary>
    public void Close()
    {
        _rows = null;
        Current = default;
        Array.Clear(_before);
        Array.Clear(_after);
    }

    /// <summary>The next row; false at the end.</summary>
    /// <exception cref="UnsupportedEventException">A column's type is not understood.</exception>
    /// <exception cref="BinlogFormatException">The bytes are damaged.</exception>
    public bool Read()
    {
        if (_rows is not { } rows || _shape is not { } shape)
        {
            throw new InvalidOperationException("No event is open.");
        }

        if (_offset - _released >= ReleasedBytes)
        {
            SpilledBytes.Release(rows.Data[_released.._offset]);
            _released = _offset;
        }

        if (_offset == rows.Data.Length)
        {
            return false;
        }

        _arena.Reset();
        var span = new EventSpan(rows.Data.Span);
        span.Skip(_offset);
        var before = rows.Kind == RowsKind.Write ? default : RowsDecoder.DecodeImage(rows, shape, rows.BeforeColumns.Span, rows.Data, ref span, _arena, _before);
        var after = rows.Kind == RowsKind.Delete ? default : RowsDecoder.DecodeImage(rows, shape, rows.AfterColumns.Span, rows.Data, ref span, _arena, _after);
        Current = new RowChange(before, after);
        _offset = span.Offset;
        return true;
    }
}
