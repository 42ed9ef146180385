using Switchyard.Client;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    private const string Unknown = "?";

    /// <summary>
    /// Connections by who holds them. A server tells one that came through a proxy from another by its connection attributes, which only
    /// performance_schema shows; whether it does is seen by our own.
    /// </summary>
    public async Task<ClientSurvey> ReadClientsAsync(CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var seesAttributes = await SeesAttributesAsync(connection, cancellationToken);
        var attributes = seesAttributes
            ? ("COALESCE(n.attr_value, c.attr_value), x.attr_value IS NOT NULL",
               $"LEFT JOIN {Attribute("n", "program_name")} LEFT JOIN {Attribute("c", "_client_name")} LEFT JOIN {Attribute("x", ProxyAttribute)} ")
            : ("NULL, 0", "");
        var rows = await connection.QueryAsync(
            $"SELECT p.user, SUBSTRING_INDEX(p.host, ':', 1), p.command, p.time, p.db, {attributes.Item1} FROM information_schema.processlist p {attributes.Item2}" +
            "WHERE p.id<>CONNECTION_ID() AND p.command NOT IN ('Daemon', 'Connect', 'Binlog Dump', 'Binlog Dump GTID', 'Slave_IO', 'Slave_SQL', 'Slave_worker')", cancellationToken);
        var users = (await new AccountCatalog(connection).ListUsersOfAsync(schema, options.User, cancellationToken)).Select(a => a.User).ToHashSet(StringComparer.Ordinal);

        // Where programs cannot be told apart, ours are known by their account.
        var direct = rows.Rows.Where(r => r.GetInt64(6) == 0 && r.GetStringOrNull(5) != "switchyard" && (seesAttributes || r.GetString(0) != options.User))
            .Where(r => r.GetStringOrNull(4) == schema || users.Contains(r.GetString(0)))
            .GroupBy(r => (User: r.GetString(0), Host: r.GetStringOrNull(1) ?? Unknown, Program: r.GetStringOrNull(5) ?? Unknown))
            .Select(g => new DirectClient(
                g.Key.User, g.Key.Host, g.Key.Program, g.Count(), g.Any(r => r.GetString(2) != "Sleep") ? null : g.Min(r => r.GetInt64(3))));
        return new ClientSurvey(seesAttributes, [.. direct.OrderByDescending(c => c.Connections).ThenBy(c => c.User, StringComparer.Ordinal)]);
    }

    private static async Task<bool> SeesAttributesAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            return (await connection.QueryAsync(
                "SELECT 1 FROM performance_schema.session_connect_attrs WHERE processlist_id=CONNECTION_ID() AND attr_name='program_name'", cancellationToken)).RowCount > 0;
        }
        catch (ServerErrorException)
        {
            return false;
        }
    }

    private static string Attribute(string alias, string name) =>
        $"performance_schema.session_connect_attrs {alias} ON {alias}.processlist_id=p.id AND {alias}.attr_name='{name}'";
}
