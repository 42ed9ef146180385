using System.Text;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Target;
using Switchyard.Replication.Values;

namespace Switchyard.Verification;

/// <summary>What came of a repair.</summary>
internal enum RepairOutcome
{
    /// <summary>The row is the same on both sides.</summary>
    Same,

    /// <summary>The following side cannot hold it as it is; nothing was written.</summary>
    Differs,

    /// <summary>Another row there has a value that is this one's by a unique key. What differed is deleted, so that rows that hold each other's values get free.</summary>
    Taken,
}

/// <summary>Makes one row of the following side equal to the authoritative one.</summary>
/// <param name="connection">To the following side.</param>
/// <param name="table">The table.</param>
/// <param name="mark">Whose transaction it is.</param>
/// <param name="isSame">Reads, within the transaction, whether the row is what it should be. A server may store something else than it was given: a shorter value, or what a column generates of it.</param>
internal sealed class RowRepair(BackendConnection connection, TablePair table, OwnTransactionMark mark, Func<CancellationToken, Task<bool>> isSame)
{
    private const ushort DuplicateEntry = 1062;

    /// <param name="key">The row's key.</param>
    /// <param name="cells">Its values on the authoritative side; null when it is not there.</param>
    public async Task<RepairOutcome> WriteAsync(byte[] key, IReadOnlyList<ReadOnlyMemory<byte>?>? cells, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync("START TRANSACTION", cancellationToken);
        try
        {
            await connection.ExecuteAsync(mark.Begin, cancellationToken);
            await connection.ExecuteAsync($"DELETE FROM {table.Right.Name.Quoted} WHERE {table.RightKey.In([key])}", cancellationToken);
            var isFree = cells is null || await TryInsertAsync(cells, cancellationToken);
            if (isFree && !await isSame(cancellationToken))
            {
                await connection.ExecuteAsync("ROLLBACK", cancellationToken);
                return RepairOutcome.Differs;
            }

            await connection.ExecuteAsync(mark.End, cancellationToken);
            await connection.ExecuteAsync("COMMIT", cancellationToken);
            return isFree ? RepairOutcome.Same : RepairOutcome.Taken;
        }
        catch (Exception e) when (e is ServerErrorException or InvalidOperationException)
        {
            await connection.GiveBackAsync("ROLLBACK");
            throw;
        }
    }

    /// <summary>False when another row has one of its values by a unique key; the transaction goes on without it.</summary>
    private async Task<bool> TryInsertAsync(IReadOnlyList<ReadOnlyMemory<byte>?> cells, CancellationToken cancellationToken)
    {
        var stored = Enumerable.Range(0, table.Columns.Count).Where(i => !table.Columns[i].Right.IsGenerated).ToList();
        var columns = string.Join(", ", stored.Select(i => table.Columns[i].Right.QuotedName));
        var statement = new List<QueryPiece>();
        Write(statement, $"INSERT INTO {table.Right.Name.Quoted} ({columns}) VALUES (");
        foreach (var i in stored)
        {
            Write(statement, i == stored[0] ? "" : ", ");
            WriteValue(statement, table.Columns[i], cells[i]);
        }

        Write(statement, ")");
        await RequireRoomAsync(statement.Sum(p => p.SentBytes), cancellationToken);
        try
        {
            await connection.ExecuteMultiAsync(statement, cancellationToken);
            return true;
        }
        catch (ServerErrorException e) when (e.Code == DuplicateEntry)
        {
            return false;
        }
    }

    // A server ends the connection of who sends it more.
    private async Task RequireRoomAsync(long bytes, CancellationToken cancellationToken)
    {
        if (bytes > PackedRow.DigestedFromBytes
            && (await connection.QueryAsync("SELECT @@max_allowed_packet", cancellationToken)).GetInt64(0, 0) is var limit && bytes >= limit)
        {
            throw new InvalidOperationException($"Repairing a row of {table.Right.Name} takes a statement of {bytes} bytes, more than the max_allowed_packet of {limit} there. Raise it and repair again.");
        }
    }

    private static void WriteValue(List<QueryPiece> statement, ComparedColumn column, ReadOnlyMemory<byte>? cell)
    {
        if (cell is not { Length: > PackedRow.DigestedFromBytes } value)
        {
            Write(statement, SqlLiterals.ForStore(column.Right, column, cell));
            return;
        }

        if (column.Right.Kind == ColumnKind.Json)
        {
            statement.AddRange(TypedJson.ToPieces(value));
            return;
        }

        var (before, after) = SqlLiterals.AroundLong(column.Right, column);
        Write(statement, before);
        statement.Add(QueryPiece.Value(value));
        Write(statement, after);
    }

    private static void Write(List<QueryPiece> statement, string sql) => statement.Add(QueryPiece.Text(Encoding.UTF8.GetBytes(sql)));
}
