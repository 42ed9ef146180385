using Switchyard.Client;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    /// <summary>The connection attribute in which a proxy's leg names its proxy.</summary>
    internal const string ProxyAttribute = "_switchyard_proxy";

    public async Task<bool> EndOrphanedLegsAsync(IReadOnlyCollection<string> liveProxies, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        if (!await SeesAttributesAsync(connection, cancellationToken))
        {
            return false;
        }

        var rows = await connection.QueryAsync(
            $"SELECT processlist_id, attr_value FROM performance_schema.session_connect_attrs WHERE attr_name={SqlText.QuoteString(ProxyAttribute)}", cancellationToken);
        await EndConnectionsAsync([.. rows.Rows.Where(r => !liveProxies.Contains(r.GetStringOrNull(1) ?? "")).Select(r => r.GetUInt64(0))], cancellationToken);
        return true;
    }

    public async Task EndConnectionsAsync(IReadOnlyList<ulong> connections, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var left = connections;

        // All are told at once, since each may have much to roll back; the caller's token bounds the wait.
        while (left.Count > 0)
        {
            List<ulong> known = [];
            foreach (var leg in left)
            {
                if (await ServerProcess.KillAsync(connection, leg, cancellationToken))
                {
                    known.Add(leg);
                }
            }

            left = known;
            await Task.Delay(TimeSpan.FromMilliseconds(left.Count == 0 ? 0 : 5), cancellationToken);
        }
    }

    public async Task<bool> SeesOthersAsync(CancellationToken cancellationToken)
    {
        const int AccessDenied = 1227;
        var connection = await OpenAsync(cancellationToken);
        try
        {
            // Of the tables that want PROCESS, as seeing others does, the one that costs nothing; role or grant, the server knows.
            await connection.QueryAsync("SELECT COUNT(*) FROM information_schema.innodb_cmp", cancellationToken);
            return true;
        }
        catch (ServerErrorException e) when (e.Code == AccessDenied)
        {
            return false;
        }
    }

    public async Task<IReadOnlyList<ServerProcess>> ListRunningAsync(CancellationToken cancellationToken)
    {
        // By the command, not the statement: between the statements of one text, and within a routine, a server may show none.
        var connection = await OpenAsync(cancellationToken);
        return [.. (await ServerProcess.ListAsync(connection, cancellationToken)).Where(p =>
            p.Command != "Sleep" && p.Id != connection.Server.ConnectionId && p.User is not ("system user" or "event_scheduler") && !s_threadCommands.Contains(p.Command))];
    }
}
