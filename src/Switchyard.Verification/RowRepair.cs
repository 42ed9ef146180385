using Switchyard.Client;
using Switchyard.Replication.Target;

namespace Switchyard.Verification;

/// <summary>Makes one row of the following side equal to the authoritative one.</summary>
internal static class RowRepair
{
    public static async Task WriteAsync(BackendConnection connection, TablePair table, byte[] key, byte[]? row, OwnTransactionMark mark, CancellationToken cancellationToken)
    {
        var name = table.Right.Name.Quoted;
        await connection.ExecuteAsync("START TRANSACTION", cancellationToken);
        try
        {
            await connection.ExecuteAsync(mark.Begin, cancellationToken);
            await connection.ExecuteAsync($"DELETE FROM {name} WHERE {table.RightKey.In([key])}", cancellationToken);
            if (row is not null)
            {
                var cells = PackedRow.Split(row);
                var stored = Enumerable.Range(0, table.Columns.Count).Where(i => !table.Columns[i].Right.IsGenerated).ToList();
                var columns = string.Join(", ", stored.Select(i => table.Columns[i].Right.QuotedName));
                var values = string.Join(", ", stored.Select(i => SqlLiterals.ForStore(table.Columns[i].Right, table.Columns[i], cells[i])));
                await connection.ExecuteAsync($"INSERT INTO {name} ({columns}) VALUES ({values})", cancellationToken);
            }

            await connection.ExecuteAsync(mark.End, cancellationToken);
            await connection.ExecuteAsync("COMMIT", cancellationToken);
        }
        catch (ServerErrorException)
        {
            await connection.ExecuteAsync("ROLLBACK", CancellationToken.None);
            throw;
        }
    }
}
