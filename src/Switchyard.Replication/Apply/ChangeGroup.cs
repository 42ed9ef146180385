using Switchyard.Replication.Copy;
using Switchyard.Replication.Tables;
using Switchyard.Wire;

namespace Switchyard.Replication.Apply;

internal enum ChangeKind
{
    Insert,
    Update,
    Delete,

    /// <summary>The position row.</summary>
    Position,

    /// <summary>Session settings, savepoints.</summary>
    Other,
}

/// <summary>One statement of a group: what it must affect.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Table">The table; null for <see cref="ChangeKind.Other"/>.</param>
/// <param name="ExpectedRows">Rows it must find; null when any number is right (a row not copied yet).</param>
internal readonly record struct ChangeStatement(ChangeKind Kind, TablePlan? Table, long? ExpectedRows);

/// <summary>
/// SQL of one or several source transactions, in order. Keys it touches in chunks being copied are only known to the chunks once it is committed.
/// </summary>
internal sealed class ChangeGroup : IDisposable
{
    private readonly List<ChangeStatement> _statements = [];

    public PayloadWriter Sql { get; } = new(64 * 1024);

    public IReadOnlyList<ChangeStatement> Statements => _statements;

    public List<(Chunk Chunk, byte[] Key)> Touched { get; } = [];

    public bool IsEmpty => _statements.Count == 0;

    public int Bytes => Sql.Length;

    /// <summary>Starts a statement; the caller writes its text into <see cref="Sql"/>.</summary>
    public void Begin(ChangeStatement statement)
    {
        if (_statements.Count > 0)
        {
            Sql.WriteByte((byte)';');
        }

        _statements.Add(statement);
    }

    /// <summary>Changes what the last statement must affect, when rows are added to it.</summary>
    public void ExpectMore(long rows)
    {
        var last = _statements[^1];
        _statements[^1] = last with { ExpectedRows = last.ExpectedRows + rows };
    }

    /// <summary>Adds the statements of another; not the keys it touched.</summary>
    public void Append(ChangeGroup other)
    {
        if (!other.IsEmpty)
        {
            if (_statements.Count > 0)
            {
                Sql.WriteByte((byte)';');
            }

            Sql.WriteBytes(other.Sql.WrittenSpan);
            _statements.AddRange(other._statements);
        }
    }

    public void Clear()
    {
        Sql.Reset(4 * 1024 * 1024);
        _statements.Clear();
        Touched.Clear();
    }

    public void Dispose() => Sql.Dispose();
}
