using Switchyard.Client;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    /// <summary>The connection attribute in which a proxy's leg names its proxy.</summary>
    internal const string ProxyAttribute = "_switchyard_proxy";

    public async Task<int> EndOrphanedLegsAsync(IReadOnlyCollection<string> liveProxies, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var ended = 0;
        foreach (var leg in await ReadOrphansAsync(connection, liveProxies, cancellationToken))
        {
            try
            {
                await connection.ExecuteAsync($"KILL CONNECTION {leg}", cancellationToken);
                ended++;
            }
            catch (ServerErrorException e) when (e.Code == 1094)
            {
                // It ended by itself.
            }
        }

        // A killed connection is listed until its statement has been rolled back; the caller's token bounds the wait.
        while (ended > 0 && (await ReadOrphansAsync(connection, liveProxies, cancellationToken)).Count > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), cancellationToken);
        }

        return ended;
    }

    /// <summary>
    /// Legs of proxies that are not alive. A server without performance_schema does not tell attributes; there the fence's lock, which waits for
    /// every statement on the tables, is what protects.
    /// </summary>
    private static async Task<IReadOnlyList<ulong>> ReadOrphansAsync(BackendConnection connection, IReadOnlyCollection<string> liveProxies, CancellationToken cancellationToken)
    {
        try
        {
            var rows = await connection.QueryAsync(
                "SELECT a.processlist_id, a.attr_value FROM performance_schema.session_connect_attrs a " +
                $"JOIN information_schema.processlist p ON p.id=a.processlist_id WHERE a.attr_name={SqlText.QuoteString(ProxyAttribute)}", cancellationToken);
            return [.. rows.Rows.Where(r => !liveProxies.Contains(r.GetStringOrNull(1) ?? "")).Select(r => r.GetUInt64(0))];
        }
        catch (ServerErrorException)
        {
            return [];
        }
    }
}
