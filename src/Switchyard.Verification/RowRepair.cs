using System.Text;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Target;
using Switchyard.Replication.Values;

namespace Switchyard.Verification;

/// <summary>Makes one row of the following side equal to the authoritative one.</summary>
internal static class RowRepair
{
    public static async Task WriteAsync(BackendConnection connection, TablePair table, byte[] key, IReadOnlyList<ReadOnlyMemory<byte>?>? cells, OwnTransactionMark mark, CancellationToken cancellationToken)
    {
        var name = table.Right.Name.Quoted;
        await connection.ExecuteAsync("START TRANSACTION", cancellationToken);
        try
        {
            await connection.ExecuteAsync(mark.Begin, cancellationToken);
            await connection.ExecuteAsync($"DELETE FROM {name} WHERE {table.RightKey.In([key])}", cancellationToken);
            if (cells is not null)
            {
                var stored = Enumerable.Range(0, table.Columns.Count).Where(i => !table.Columns[i].Right.IsGenerated).ToList();
                var columns = string.Join(", ", stored.Select(i => table.Columns[i].Right.QuotedName));
                var statement = new List<QueryPiece>();
                Write(statement, $"INSERT INTO {name} ({columns}) VALUES (");
                foreach (var i in stored)
                {
                    Write(statement, i == stored[0] ? "" : ", ");
                    WriteValue(statement, table.Columns[i], cells[i]);
                }

                Write(statement, ")");
                await RequireRoomAsync(connection, table, statement.Sum(p => p.SentBytes), cancellationToken);
                await connection.ExecuteMultiAsync(statement, cancellationToken);
            }

            await connection.ExecuteAsync(mark.End, cancellationToken);
            await connection.ExecuteAsync("COMMIT", cancellationToken);
        }
        catch (Exception e) when (e is ServerErrorException or InvalidOperationException)
        {
            await connection.GiveBackAsync("ROLLBACK");
            throw;
        }
    }

    // A server ends the connection of who sends it more.
    private static async Task RequireRoomAsync(BackendConnection connection, TablePair table, long bytes, CancellationToken cancellationToken)
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
