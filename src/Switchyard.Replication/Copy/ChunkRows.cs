using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Copy;

/// <summary>The rows of a chunk as read: each already written as SQL, with its encoded key.</summary>
internal sealed class ChunkRows(TablePlan table) : IDisposable
{
    private readonly PayloadWriter _sql = new(256 * 1024);
    private readonly PayloadWriter _keys = new(16 * 1024);
    private readonly List<Row> _rows = [];

    // A row larger than this is a statement of its own, written behind its INSERT at once, so that it is held once and not twice.
    internal const int LargeRowBytes = 1024 * 1024;

    public TablePlan Table { get; } = table;

    public int Count => _rows.Count;

    public int Bytes => _sql.Length;

    /// <summary>The key of the last row read.</summary>
    public KeyBound? LastKey { get; private set; }

    public ReadOnlySpan<byte> Sql(int row) => _sql.WrittenSpan[_rows[row].SqlStart.._rows[row].SqlEnd];

    /// <summary>The row's own INSERT statement; empty for a row that is joined to others.</summary>
    public ReadOnlyMemory<byte> Statement(int row) => _rows[row].StatementStart is var start and >= 0 ? _sql.WrittenMemory[start.._rows[row].SqlEnd] : default;

    /// <summary>The largest row read, in bytes of SQL.</summary>
    public int LargestRowBytes { get; private set; }

    public ReadOnlySpan<byte> Key(int row) => _keys.WrittenSpan[_rows[row].KeyStart.._rows[row].KeyEnd];

    /// <summary>Holds the error value of an ENUM, which strict mode would refuse.</summary>
    public bool IsLenient(int row) => _rows[row].IsLenient;

    /// <summary>The key as a condition of the target, for taking out a row that changes of the stream brought before.</summary>
    public Cell[] KeyCells(int row) => _rows[row].KeyCells ?? throw new InvalidOperationException("Keys were not kept.");

    /// <summary>Reads rows until the end of the result or the limits.</summary>
    /// <returns>Whether rows may be left.</returns>
    public async Task<bool> ReadAsync(ResultReader reader, int maxRows, long maxBytes, bool keepKeys, CancellationToken cancellationToken)
    {
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_rows.Count > 0 && (_sql.Length > maxBytes || _rows.Count >= maxRows))
            {
                // One row more than fits: there is a rest, and it begins after the row before.
                return true;
            }

            Add(reader, keepKeys);
            if (_sql.Length > maxBytes || _rows.Count >= maxRows)
            {
                LastKey = KeyBound.FromCells(Table.Codec, CellsOfKey(reader));
            }
        }

        return false;
    }

    public void Dispose()
    {
        _sql.Dispose();
        _keys.Dispose();
    }

    private void Add(ResultReader reader, bool keepKeys)
    {
        var size = 0L;
        for (var i = 0; i < Table.Columns.Length; i++)
        {
            size += reader.GetBytes(i).Length;
        }

        var statementStart = -1;
        if (size > LargeRowBytes)
        {
            // Grown in one step: doubling would hold the row's first half twice.
            _ = _sql.GetSpan((int)Math.Min(size + (size / 8) + Table.InsertPrefix.Length + 1024, Array.MaxLength - _sql.Length));
            statementStart = _sql.Length;
            _sql.Sql(Table.InsertPrefix);
        }

        var sqlStart = _sql.Length;
        var keyStart = _keys.Length;
        var lenient = false;
        _sql.WriteByte((byte)'(');
        for (var i = 0; i < Table.Columns.Length; i++)
        {
            if (i > 0)
            {
                _sql.WriteByte((byte)',');
            }

            var column = Table.Columns[i];
            var bytes = reader.GetBytes(i);
            column.Literal.Write(_sql, reader.IsNull(i), bytes);
            lenient |= column.Kind == ColumnKind.Enum && bytes is [(byte)'0'];
        }

        _sql.WriteByte((byte)')');
        for (var i = 0; i < Table.SelectedKeyPositions.Length; i++)
        {
            Table.Codec.EncodePart(_keys, i, reader.GetBytes(Table.SelectedKeyPositions[i]));
        }

        LargestRowBytes = Math.Max(LargestRowBytes, _sql.Length - sqlStart);
        _rows.Add(new Row(statementStart, sqlStart, _sql.Length, keyStart, _keys.Length, lenient, keepKeys ? CellsOfKey(reader) : null));
    }

    private Cell[] CellsOfKey(ResultReader reader)
    {
        var cells = new Cell[Table.SelectedKeyPositions.Length];
        for (var i = 0; i < cells.Length; i++)
        {
            cells[i] = Cell.FromBytes(reader.GetBytes(Table.SelectedKeyPositions[i]).ToArray());
        }

        return cells;
    }

    private readonly record struct Row(int StatementStart, int SqlStart, int SqlEnd, int KeyStart, int KeyEnd, bool IsLenient, Cell[]? KeyCells);
}
