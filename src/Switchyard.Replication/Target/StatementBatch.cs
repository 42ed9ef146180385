using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Apply;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>The target did not take a statement as it must, or it did not find the rows it must.</summary>
/// <param name="message">What and why.</param>
/// <param name="kind">What the statement does.</param>
/// <param name="inner">The server's refusal, if it was one.</param>
internal sealed class ChangeRefusedException(string message, ChangeKind kind, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>It was the position row that was not found: another owns the stream.</summary>
    public bool IsPosition => kind == ChangeKind.Position;

    /// <summary>They were rows as logged, of which the server does not say more.</summary>
    public bool WasLogged => kind == ChangeKind.Logged;
}

/// <summary>
/// Statements sent together, and what each must affect. They are one text, but that a text ends with every <c>BINLOG</c> statement: MariaDB's answer to it says
/// that nothing follows.
/// </summary>
internal sealed class StatementBatch : IDisposable
{
    // A statement of rows as logged is held by the server twice, encoded and decoded.
    private const int LoggedStatementBytes = 4 * 1024 * 1024;

    private static readonly ChangeStatement s_any = new(ChangeKind.Other, null, null);
    private static readonly ChangeStatement s_position = new(ChangeKind.Position, null, 1);
    private static readonly ChangeStatement s_loggedCheck = new(ChangeKind.Logged, null, 1);
    private readonly StreamedText _text = new(64 * 1024);
    private readonly List<ChangeStatement> _statements = [];
    private readonly List<int> _starts = [];
    private readonly List<(int Bytes, int Statements, bool HasParameters)> _ends = [];
    private readonly List<LoggedTable> _mapped = [];

    public void Clear()
    {
        _text.Clear();
        _statements.Clear();
        _starts.Clear();
        _ends.Clear();
    }

    public void Add(ReadOnlySpan<byte> statement) => Begin(s_any).Sql(statement);

    /// <summary>Starts a statement that may affect any number of rows; the caller writes its text.</summary>
    public PayloadWriter BeginAny() => Begin(s_any);

    /// <summary>Starts the statement that changes the position row; the caller writes its text.</summary>
    public PayloadWriter BeginPosition() => Begin(s_position);

    /// <summary>Starts a statement that finds its one row only if rows as logged were held to their word; the caller writes its text.</summary>
    public PayloadWriter BeginLoggedCheck() => Begin(s_loggedCheck);

    public void Add(ChangeGroup group) => Add(group, 0, group.Count);

    /// <summary>Adds some of a group's statements.</summary>
    public void Add(ChangeGroup group, int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            if (group[i].Logged is null)
            {
                var isApart = group.TakesParameters(i);
                if (isApart)
                {
                    EndText();
                }

                Begin(group[i]);
                group.CopyText(i, _text);
                if (isApart)
                {
                    EndText(hasParameters: true);
                }
            }
            else
            {
                i = AddLogged(group, i, first + count) - 1;
            }
        }
    }

    /// <summary>Runs it.</summary>
    /// <exception cref="ServerErrorException">A lock conflict, a full disk, or the server goes away: the same may work later.</exception>
    /// <exception cref="ChangeRefusedException">A statement was refused or did not find its rows.</exception>
    public async Task SendAsync(BackendConnection target, long maxBytes, BinlogPosition end, CancellationToken cancellationToken)
    {
        EndText();
        var (start, first) = (0, 0);
        foreach (var (bytes, statements, hasParameters) in _ends)
        {
            await SendAsync(target, (start, bytes), first, statements, hasParameters, maxBytes, end, cancellationToken).ConfigureAwait(false);
            (start, first) = (bytes, statements);
        }
    }

    private async Task SendAsync(BackendConnection target, (int Start, int End) part, int first, int last, bool hasParameters, long maxBytes, BinlogPosition end, CancellationToken cancellationToken)
    {
        var text = _text.Pieces(part.Start, part.End);
        var length = text.Sum(p => p.SentBytes);
        if (length >= maxBytes && last - first > 1)
        {
            for (var i = first; i < last; i++)
            {
                // Behind each but the last is the semicolon.
                await SendAsync(target, (_starts[i], i + 1 < last ? _starts[i + 1] - 1 : part.End), i, i + 1, hasParameters: false, maxBytes, end, cancellationToken).ConfigureAwait(false);
            }

            return;
        }

        IReadOnlyList<OkResult> results;
        try
        {
            var apart = hasParameters || length >= maxBytes ? await LongStatement.TryExecuteAsync(target, _text, part.Start, part.End, maxBytes, cancellationToken).ConfigureAwait(false) : null;
            results = apart is not null ? [apart]
                : length >= maxBytes ? throw new ChangeRefusedException($"A change up to {end} needs {length} bytes of SQL, more than the target's max_allowed_packet of {maxBytes}; raise max_allowed_packet on the target and start the stream again.", ChangeKind.Other)
                : text is [var whole] ? await target.ExecuteMultiAsync(whole.Bytes, cancellationToken).ConfigureAwait(false)
                : await target.ExecuteMultiAsync(text, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (!ServerErrors.IsTransactionConflict(e) && !ServerErrors.IsTransient(e) && !e.IsOutOfSpace)
        {
            var at = first + e.StatementIndex;
            throw new ChangeRefusedException($"{Describe(at, end)} was refused by the target with error {e.Code} ({RefusalText.Explain(e)}).", KindOf(at), e);
        }

        for (var i = first; i < last; i++)
        {
            var affected = results[i - first].AffectedRows;
            if (_statements[i] is { ExpectedRows: { } expected } statement && (ulong)expected != affected)
            {
                throw new ChangeRefusedException(
                    statement.Kind == ChangeKind.Logged
                        ? "The target's slave_exec_mode lets missing rows pass."
                        : $"{Describe(i, end)} found {affected} of {expected} rows by its key ({statement.Table?.KeyColumnNames}): the target has diverged from the source. Something else writes to the target; find and stop it, then copy the table again.",
                    statement.Kind);
            }
        }
    }

    public void Dispose() => _text.Dispose();

    private PayloadWriter Sql => _text.Text;

    private PayloadWriter Begin(ChangeStatement statement)
    {
        if (_statements.Count > TextStart.Statements)
        {
            Sql.WriteByte((byte)';');
        }

        _statements.Add(statement);
        _starts.Add(Sql.Length);
        return Sql;
    }

    private (int Bytes, int Statements, bool HasParameters) TextStart => _ends.Count == 0 ? default : _ends[^1];

    private void EndText(bool hasParameters = false)
    {
        if (_statements.Count > TextStart.Statements)
        {
            _ends.Add((Sql.Length, _statements.Count, hasParameters));
        }
    }

    // One statement of as many neighbouring events as may be: the server opens the tables once for all of them.
    private int AddLogged(ChangeGroup group, int first, int end)
    {
        if (Sql.Length - TextStart.Bytes > LoggedStatementBytes / 4)
        {
            EndText();
        }

        var last = first;
        var bytes = 0L;
        _mapped.Clear();
        while (last < end && group[last].Logged is { } logged && (last == first || bytes + group.TextBytes(last) <= LoggedStatementBytes) && TryMap(logged))
        {
            bytes += group.TextBytes(last);
            last++;
        }

        Begin(group[first]).Sql("BINLOG '"u8);
        foreach (var table in _mapped)
        {
            LoggedEvents.WriteTableMap(Sql, table.Id, table.Map);
        }

        var start = 0;
        for (var i = first; i < last; i++)
        {
            start = Sql.Length;
            group.CopyText(i, _text);
        }

        LoggedEvents.MarkLast(Sql, start, group[last - 1].Logged!.Id);
        Sql.WriteByte((byte)'\'');
        EndText();
        return last;
    }

    private bool TryMap(LoggedTable table)
    {
        foreach (var mapped in _mapped)
        {
            if (ReferenceEquals(mapped, table))
            {
                return true;
            }

            if (mapped.Map.Table == table.Map.Table && mapped.Map.Schema == table.Map.Schema)
            {
                return false;
            }
        }

        _mapped.Add(table);
        return true;
    }

    private ChangeKind KindOf(int index) => index >= 0 && index < _statements.Count ? _statements[index].Kind : ChangeKind.Other;

    private string Describe(int index, BinlogPosition end) =>
        KindOf(index) == ChangeKind.Logged
            ? $"Rows as logged, in the changes up to {end},"
            : index < 0 || index >= _statements.Count || _statements[index] is not { Table: { } table } statement
            ? $"A statement of the changes up to {end}"
            : $"A change ({statement.Kind.ToString().ToLowerInvariant()}) of {table.Name} in the changes up to {end}";
}
