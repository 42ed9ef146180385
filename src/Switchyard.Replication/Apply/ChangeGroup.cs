using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Apply;

internal enum ChangeKind
{
    Insert,
    Update,
    Delete,

    /// <summary>Rows as they were logged.</summary>
    Logged,

    /// <summary>The position row.</summary>
    Position,

    /// <summary>Session settings, savepoints.</summary>
    Other,
}

/// <summary>One statement of a group: what it must affect.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Table">The table; null for <see cref="ChangeKind.Other"/>.</param>
/// <param name="ExpectedRows">Rows it must find; null when any number is right (a row not copied yet), or the server sees to it (rows as logged).</param>
/// <param name="Logged">The table of <see cref="ChangeKind.Logged"/>, whose text is one event of a statement.</param>
internal readonly record struct ChangeStatement(ChangeKind Kind, TablePlan? Table, long? ExpectedRows, LoggedTable? Logged = null);

/// <summary>
/// Statements of one or several source transactions, in order, with memory of their own. Keys they touch in chunks being copied are only known to the chunks once it
/// is committed.
/// </summary>
internal sealed class ChangeGroup : IDisposable
{
    private readonly List<(ChangeStatement Statement, int Start)> _statements = [];
    private readonly StreamedText _text = new(64 * 1024, LongStatement.WorthwhileBytes);
    private readonly List<PayloadWriter> _values = [];

    public PayloadWriter Sql => _text.Text;

    public int Count => _statements.Count;

    public List<(Chunk Chunk, byte[] Key)> Touched { get; } = [];

    public bool IsEmpty => _statements.Count == 0;

    /// <summary>Whether rows are changed: savepoints alone change nothing.</summary>
    public bool HasRows { get; private set; }

    /// <summary>Whether some rows are as logged.</summary>
    public bool HasLogged { get; private set; }

    /// <summary>Bytes it takes to send it.</summary>
    public int Bytes => (int)Math.Min(int.MaxValue, _text.Length);

    public ChangeStatement this[int index] => _statements[index].Statement;

    /// <summary>Bytes of a statement's text.</summary>
    public int TextBytes(int index) => EndOf(index) - _statements[index].Start;

    /// <summary>Adds a statement's text to another.</summary>
    public void CopyText(int index, StreamedText to) => to.Append(_text, _statements[index].Start, EndOf(index));

    /// <summary>Whether a statement's large values are better sent as parameters.</summary>
    public bool TakesParameters(int index) => _text.TakesParameters(_statements[index].Start, EndOf(index));

    /// <summary>Writes a value into the statement begun.</summary>
    public void Write(Literal literal, Cell cell)
    {
        var value = cell.Bytes;
        if (value.Length > LongStatement.WorthwhileBytes && !SpilledBytes.Hold(value))
        {
            var kept = new PayloadWriter(value.Length);
            kept.WriteBytes(value.Span);
            _values.Add(kept);
            value = kept.WrittenMemory;
        }

        _text.Write(literal, cell.IsNull, value);
    }

    /// <summary>Starts a statement; the caller writes its text into <see cref="Sql"/>.</summary>
    public void Begin(ChangeStatement statement)
    {
        _statements.Add((statement, Sql.Length));
        HasRows |= statement.Table is not null;
    }

    /// <summary>Adds rows as they were logged.</summary>
    public void Add(TablePlan table, LoggedTable logged, RowsEvent rows)
    {
        Begin(new ChangeStatement(ChangeKind.Logged, table, null, logged));
        LoggedEvents.WriteRows(Sql, logged.Id, rows);
        HasLogged = true;
    }

    /// <summary>Changes what the last statement must affect, when rows are added to it.</summary>
    public void ExpectMore(long rows)
    {
        var (last, start) = _statements[^1];
        _statements[^1] = (last with { ExpectedRows = last.ExpectedRows + rows }, start);
    }

    /// <summary>Adds the statements of another, and takes over its large values, so that it can only be cleared; not the keys it touched.</summary>
    public void Append(ChangeGroup other)
    {
        var start = Sql.Length;
        _text.Append(other._text, 0, other.Sql.Length);
        foreach (var (statement, at) in other._statements)
        {
            _statements.Add((statement, start + at));
        }

        HasRows |= other.HasRows;
        HasLogged |= other.HasLogged;
        _values.AddRange(other._values);
        other._values.Clear();
    }

    public void Clear()
    {
        _text.Clear();
        _statements.Clear();
        HasRows = false;
        HasLogged = false;
        Touched.Clear();
        FreeValues();
    }

    public void Dispose()
    {
        _text.Dispose();
        FreeValues();
    }

    private void FreeValues()
    {
        foreach (var value in _values)
        {
            value.Dispose();
        }

        _values.Clear();
    }

    private int EndOf(int index) => index + 1 < _statements.Count ? _statements[index + 1].Start : Sql.Length;
}
