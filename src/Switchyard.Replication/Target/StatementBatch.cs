using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Apply;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>The target did not take a statement as it must, or it did not find the rows it must.</summary>
/// <param name="message">What and why.</param>
/// <param name="isPosition">It was the position row that was not found: another owns the stream.</param>
/// <param name="inner">The server's refusal, if it was one.</param>
internal sealed class ChangeRefusedException(string message, bool isPosition, Exception? inner = null) : Exception(message, inner)
{
    public bool IsPosition { get; } = isPosition;
}

/// <summary>Several statements sent as one text, and what each must affect.</summary>
internal sealed class StatementBatch : IDisposable
{
    private static readonly ChangeStatement s_any = new(ChangeKind.Other, null, null);
    private static readonly ChangeStatement s_position = new(ChangeKind.Position, null, 1);
    private readonly PayloadWriter _sql = new(64 * 1024);
    private readonly List<ChangeStatement> _statements = [];

    public void Clear()
    {
        _sql.Reset(8 * 1024 * 1024);
        _statements.Clear();
    }

    public void Add(ReadOnlySpan<byte> statement) => Begin(s_any).Sql(statement);

    /// <summary>Starts a statement that may affect any number of rows; the caller writes its text.</summary>
    public PayloadWriter BeginAny() => Begin(s_any);

    /// <summary>Starts the statement that changes the position row; the caller writes its text.</summary>
    public PayloadWriter BeginPosition() => Begin(s_position);

    public void Add(ChangeGroup group) => Add(group, 0, group.Bytes, 0, group.Statements.Count);

    /// <summary>Adds a part of a group: the transactions between two places in its text.</summary>
    public void Add(ChangeGroup group, int start, int length, int firstStatement, int statements)
    {
        if (statements == 0)
        {
            return;
        }

        var text = group.Sql.WrittenSpan.Slice(start, length);
        if (start > 0)
        {
            // The separator that the group put before it.
            text = text[1..];
        }

        if (_statements.Count > 0)
        {
            _sql.WriteByte((byte)';');
        }

        _sql.WriteBytes(text);
        for (var i = firstStatement; i < firstStatement + statements; i++)
        {
            _statements.Add(group.Statements[i]);
        }
    }

    /// <summary>Runs it.</summary>
    /// <exception cref="ServerErrorException">A lock conflict, or the server goes away: the same may work later.</exception>
    /// <exception cref="ChangeRefusedException">A statement was refused or did not find its rows.</exception>
    public async Task SendAsync(BackendConnection target, long maxBytes, BinlogPosition end, CancellationToken cancellationToken)
    {
        if (_sql.Length >= maxBytes)
        {
            throw new ChangeRefusedException($"A change up to {end} needs {_sql.Length} bytes of SQL, more than the target's max_allowed_packet of {maxBytes}; raise max_allowed_packet on the target and start the stream again.", isPosition: false);
        }

        IReadOnlyList<OkResult> results;
        try
        {
            results = await target.ExecuteMultiAsync(_sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (!ServerErrors.IsTransactionConflict(e) && !ServerErrors.IsTransient(e))
        {
            throw new ChangeRefusedException($"{Describe(e.StatementIndex, end)} was refused by the target with error {e.Code} ({Explain(e)}).", isPosition: false, e);
        }

        for (var i = 0; i < _statements.Count; i++)
        {
            var affected = results[i].AffectedRows;
            if (_statements[i] is { ExpectedRows: { } expected } statement && (ulong)expected != affected)
            {
                throw new ChangeRefusedException(
                    $"{Describe(i, end)} found {affected} of {expected} rows by its key ({statement.Table?.KeyColumnNames}): the target has diverged from the source. Something else writes to the target; find and stop it, then copy the table again.",
                    statement.Kind == ChangeKind.Position);
            }
        }
    }

    public void Dispose() => _sql.Dispose();

    private PayloadWriter Begin(ChangeStatement statement)
    {
        if (_statements.Count > 0)
        {
            _sql.WriteByte((byte)';');
        }

        _statements.Add(statement);
        return _sql;
    }

    private string Describe(int index, BinlogPosition end) =>
        index < 0 || index >= _statements.Count || _statements[index] is not { Table: { } table } statement
            ? $"A statement of the changes up to {end}"
            : $"A change ({statement.Kind.ToString().ToLowerInvariant()}) of {table.Name} in the changes up to {end}";

    private static string Explain(ServerErrorException e) => e.Code switch
    {
        1062 or 1586 => "another row has the same unique key: the target has diverged from the source, or its collation calls equal what the source's tells apart",
        1146 => "the table is missing on the target",
        1054 => "a column is missing on the target",
        1142 or 1044 or 1227 => "the account of the target lacks a privilege",
        1290 => "the target is read-only",
        1264 or 1265 or 1366 or 1406 or 1292 => "the target's column cannot hold the value exactly",
        1153 => "raise max_allowed_packet on the target",
        1451 or 1452 => "a foreign key of the target forbids it",
        3819 or 4025 => "a CHECK constraint of the target forbids it",
        _ => "see the target's documentation of that number",
    };
}
