using Switchyard.Binlog;
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
/// <param name="Rows">The rows of <see cref="ChangeKind.Logged"/>, which has no text yet.</param>
internal readonly record struct ChangeStatement(ChangeKind Kind, TablePlan? Table, long? ExpectedRows, LoggedRows? Rows = null);

/// <summary>
/// Statements of one or several source transactions, in order. Keys they touch in chunks being copied are only known to the chunks once it is committed.
/// </summary>
internal sealed class ChangeGroup : IDisposable
{
    private readonly List<(ChangeStatement Statement, int Start)> _statements = [];
    private readonly StreamedText _text = new(64 * 1024, LongStatement.WorthwhileBytes);
    private int _loggedBytes;

    public PayloadWriter Sql => _text.Text;

    public int Count => _statements.Count;

    public List<(Chunk Chunk, byte[] Key)> Touched { get; } = [];

    public bool IsEmpty => _statements.Count == 0;

    /// <summary>Whether some rows are as logged.</summary>
    public bool HasLogged => _loggedBytes > 0;

    /// <summary>Bytes it takes to send it.</summary>
    public int Bytes => (int)Math.Min(int.MaxValue, _text.Length + _loggedBytes);

    public ChangeStatement this[int index] => _statements[index].Statement;

    /// <summary>Adds a statement's text to another.</summary>
    public void CopyText(int index, StreamedText to) => to.Append(_text, _statements[index].Start, EndOf(index));

    /// <summary>Whether a statement's large values are better sent as parameters.</summary>
    public bool TakesParameters(int index) => _text.TakesParameters(_statements[index].Start, EndOf(index));

    /// <summary>Writes a value into the statement begun; a large one is not copied, and its memory has to last.</summary>
    public void Write(Literal literal, Cell cell) => _text.Write(literal, cell.IsNull, cell.Bytes);

    /// <summary>Starts a statement; the caller writes its text into <see cref="Sql"/>.</summary>
    public void Begin(ChangeStatement statement) => _statements.Add((statement, Sql.Length));

    public void Add(TablePlan table, LoggedRows rows)
    {
        Begin(new ChangeStatement(ChangeKind.Logged, table, null, rows));
        _loggedBytes += rows.SentBytes;
    }

    /// <summary>Changes what the last statement must affect, when rows are added to it.</summary>
    public void ExpectMore(long rows)
    {
        var (last, start) = _statements[^1];
        _statements[^1] = (last with { ExpectedRows = last.ExpectedRows + rows }, start);
    }

    /// <summary>Adds the statements of another; not the keys it touched.</summary>
    public void Append(ChangeGroup other)
    {
        var start = Sql.Length;
        _text.Append(other._text, 0, other.Sql.Length);
        foreach (var (statement, at) in other._statements)
        {
            _statements.Add((statement, start + at));
        }

        _loggedBytes += other._loggedBytes;
    }

    public void Clear()
    {
        _text.Clear(4 * 1024 * 1024);
        _statements.Clear();
        _loggedBytes = 0;
        Touched.Clear();
    }

    public void Dispose() => _text.Dispose();

    private int EndOf(int index) => index + 1 < _statements.Count ? _statements[index + 1].Start : Sql.Length;
}
