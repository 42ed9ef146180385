using Switchyard.Client;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    private const int LongTransactionSeconds = 5;

    private static readonly string s_innodbTransactions =
        "SELECT trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) FROM information_schema.innodb_trx " +
        $"WHERE trx_mysql_thread_id<>CONNECTION_ID() AND trx_started < NOW() - INTERVAL {LongTransactionSeconds} SECOND LIMIT 20";

    /// <summary>The same of performance_schema, which counts in picoseconds.</summary>
    private static readonly string s_instrumentedTransactions =
        "SELECT t.processlist_id, e.timer_wait DIV 1000000000000 FROM performance_schema.events_transactions_current e " +
        "JOIN performance_schema.threads t USING (thread_id) " +
        $"WHERE e.state='ACTIVE' AND t.processlist_id<>CONNECTION_ID() AND e.timer_wait >= {LongTransactionSeconds} * 1000000000000 LIMIT 20";

    private static async Task<IReadOnlyList<string>> ReadLongTransactionsAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            var rows = await ReadTransactionsAsync(connection, cancellationToken);
            if (rows.RowCount == 0)
            {
                return [];
            }

            var clients = (await ServerProcess.ListAsync(connection, cancellationToken)).ToDictionary(p => p.Id);
            return [.. rows.Rows.Select(r => (Id: r.GetUInt64(0), Seconds: r.GetInt64(1), Client: clients.GetValueOrDefault(r.GetUInt64(0)))).Select(
                t => $"connection {t.Id} of {t.Client?.User ?? "?"} ({t.Client?.Host ?? "?"}) has a transaction open for {t.Seconds} s")];
        }
        catch (ServerErrorException)
        {
            // Needs PROCESS; the hold names its blockers anyway.
            return [];
        }
    }

    private static async Task<QueryResult> ReadTransactionsAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        const int CannotConvert = 3854;
        try
        {
            return await connection.QueryAsync(s_innodbTransactions, cancellationToken);
        }
        catch (ServerErrorException error) when (error.Code == CannotConvert)
        {
            // A transaction's statement has a character that the table's column cannot hold.
            return await connection.QueryAsync(s_instrumentedTransactions, cancellationToken);
        }
    }
}
