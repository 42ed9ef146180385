using Switchyard.Client;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    /// <summary>The connection attribute in which a proxy's leg names its proxy.</summary>
    internal const string ProxyAttribute = "_switchyard_proxy";

    public async Task<int> EndOrphanedLegsAsync(IReadOnlyCollection<string> liveProxies, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        List<ulong> left = [.. await ReadOrphansAsync(connection, liveProxies, cancellationToken)];
        var ended = left.Count;

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
                $"SELECT processlist_id, attr_value FROM performance_schema.session_connect_attrs WHERE attr_name={SqlText.QuoteString(ProxyAttribute)}", cancellationToken);
            return [.. rows.Rows.Where(r => !liveProxies.Contains(r.GetStringOrNull(1) ?? "")).Select(r => r.GetUInt64(0))];
        }
        catch (ServerErrorException)
        {
            return [];
        }
    }
}
