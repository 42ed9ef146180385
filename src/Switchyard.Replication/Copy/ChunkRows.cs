using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Copy;

/// <summary>The rows of a chunk as read: each already written as SQL, with its encoded key.</summary>
internal sealed class ChunkRows(TablePlan table) : IDisposable
{
    private readonly StreamedText _text = new(256 * 1024);
    private readonly PayloadWriter _keys = new(16 * 1024);
    private readonly List<Row> _rows = [];
    private readonly List<IDisposable> _kept = [];

    // A row larger than this is a statement of its own. Its large values stay where they were read, and are sent from there.
    internal const int LargeRowBytes = 1024 * 1024;

    public TablePlan Table { get; } = table;

    public int Count => _rows.Count;

    /// <summary>The key of the last row read.</summary>
    public KeyBound? LastKey { get; private set; }

    public ReadOnlySpan<byte> RowText(int row) => Sql.WrittenSpan[_rows[row].SqlStart.._rows[row].SqlEnd];

    /// <summary>The row's own INSERT statement; null for a row that is joined to others.</summary>
    public List<QueryPiece>? Statement(int row) => _rows[row].StatementStart is var start and >= 0 ? _text.Pieces(start, _rows[row].SqlEnd) : null;

    /// <summary>Runs the row's own INSERT statement where it is too long to be sent as one text.</summary>
    public Task<OkResult?> TryExecuteLongAsync(BackendConnection target, int row, long maxBytes, CancellationToken cancellationToken) =>
        LongStatement.TryExecuteAsync(target, _text, _rows[row].StatementStart, _rows[row].SqlEnd, maxBytes, cancellationToken);

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
        while (true)
        {
            if (IsFull())
            {
                // One row more than fits: there is a rest, and it begins after the row before.
                return await reader.HasMoreAsync(cancellationToken).ConfigureAwait(false);
            }

            if (!await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
            {
                return false;
            }

            Add(reader, keepKeys);
            if (IsFull())
            {
                LastKey = KeyBound.FromCells(Table.Codec, CellsOfKey(reader));
            }
        }

        bool IsFull() => _rows.Count > 0 && (_text.Length > maxBytes || _rows.Count >= maxRows);
    }

    public void Dispose()
    {
        _text.Dispose();
        _keys.Dispose();
        foreach (var row in _kept)
        {
            row.Dispose();
        }

        _kept.Clear();
    }

    private void Add(ResultReader reader, bool keepKeys)
    {
        var size = 0L;
        for (var i = 0; i < Table.Columns.Length; i++)
        {
            size += reader.GetBytes(i).Length;
            if (Table.Columns[i] is { Kind: ColumnKind.Json, Ordinal: var ordinal } && !reader.IsNull(i) && TypedJson.IsTooLong(reader.GetMemory(i)))
            {
                throw new ReplicationException(TypedJson.TooLong(Table.Name, Table.Source.Columns.First(c => c.Ordinal == ordinal).Name, "source"));
            }
        }

        var statementStart = -1;
        if (size > LargeRowBytes)
        {
            statementStart = Sql.Length;
            Sql.Sql(Table.InsertPrefix);
        }

        // What needs settings around its statement is written out; nothing large has come with an enum's error value yet.
        var lenient = IsLenient(reader);
        var kept = lenient ? null : reader.KeepRow();
        if (kept is not null)
        {
            _kept.Add(kept);
        }

        var bytesBefore = _text.Length;
        var sqlStart = Sql.Length;
        var keyStart = _keys.Length;
        Sql.WriteByte((byte)'(');
        for (var i = 0; i < Table.Columns.Length; i++)
        {
            if (i > 0)
            {
                Sql.WriteByte((byte)',');
            }

            var column = Table.Columns[i];
            if (kept is not null)
            {
                _text.Write(column.Literal, reader.IsNull(i), reader.GetMemory(i));
            }
            else
            {
                column.Literal.Write(Sql, reader.IsNull(i), reader.GetBytes(i));
            }
        }

        Sql.WriteByte((byte)')');
        for (var i = 0; i < Table.SelectedKeyPositions.Length; i++)
        {
            Table.Codec.EncodePart(_keys, i, reader.GetBytes(Table.SelectedKeyPositions[i]));
        }

        LargestRowBytes = (int)Math.Min(int.MaxValue, Math.Max(LargestRowBytes, _text.Length - bytesBefore));
        _rows.Add(new Row(statementStart, sqlStart, Sql.Length, keyStart, _keys.Length, lenient, keepKeys ? CellsOfKey(reader) : null));
    }

    private PayloadWriter Sql => _text.Text;

    private bool IsLenient(ResultReader reader)
    {
        for (var i = 0; i < Table.Columns.Length; i++)
        {
            if (Table.Columns[i].Kind == ColumnKind.Enum && reader.GetBytes(i) is [(byte)'0'])
            {
                return true;
            }
        }

        return false;
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
