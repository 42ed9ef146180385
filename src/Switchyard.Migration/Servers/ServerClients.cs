using Switchyard.Client;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    private const string Unknown = "?";

    /// <summary>What the threads of servers and replicas do: no application.</summary>
    private static readonly HashSet<string> s_threadCommands =
        new(StringComparer.Ordinal) { "Daemon", "Connect", "Binlog Dump", "Binlog Dump GTID", "Slave_IO", "Slave_SQL", "Slave_worker" };

    /// <summary>
    /// Connections by who holds them. A server tells one that came through a proxy from another by its connection attributes, which only
    /// performance_schema shows; whether it does is seen by our own.
    /// </summary>
    public async Task<ClientSurvey> ReadClientsAsync(CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var seesAttributes = await SeesAttributesAsync(connection, cancellationToken);
        var own = (await connection.QueryAsync("SELECT CONNECTION_ID()", cancellationToken)).GetUInt64(0, 0);
        var clients = (await ServerProcess.ListAsync(connection, cancellationToken)).Where(p => p.Id != own && !s_threadCommands.Contains(p.Command));
        var programs = seesAttributes ? await ReadProgramsAsync(connection, cancellationToken) : [];
        var users = (await new AccountCatalog(connection).ListUsersOfAsync(schemas, options.User, cancellationToken)).Select(a => a.User).ToHashSet(StringComparer.Ordinal);

        // Where programs cannot be told apart, ours are known by their account.
        var direct = clients.Select(client => (Client: client, Program: programs.GetValueOrDefault(client.Id)))
            .Where(c => c.Program is not { IsLeg: true } and not { Name: "switchyard" } && (seesAttributes || c.Client.User != options.User))
            .Where(c => schemas.Contains(c.Client.Schema, StringComparer.Ordinal) || users.Contains(c.Client.User))
            .GroupBy(c => (c.Client.User, Host: HostOf(c.Client) ?? Unknown, Program: c.Program?.Name ?? Unknown))
            .Select(g => new DirectClient(
                g.Key.User, g.Key.Host, g.Key.Program, g.Count(), g.Any(c => c.Client.Command != "Sleep") ? null : g.Min(c => c.Client.Seconds)));
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

    /// <summary>What connections say of themselves, by id.</summary>
    private static async Task<Dictionary<ulong, ClientProgram>> ReadProgramsAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(
            "SELECT processlist_id, MAX(IF(attr_name='program_name', attr_value, NULL)), MAX(IF(attr_name='_client_name', attr_value, NULL)), " +
            $"MAX(attr_name={SqlText.QuoteString(ProxyAttribute)}) FROM performance_schema.session_connect_attrs GROUP BY processlist_id", cancellationToken);
        return rows.Rows.ToDictionary(r => r.GetUInt64(0), r => new ClientProgram(r.GetStringOrNull(1) ?? r.GetStringOrNull(2), r.GetInt64(3) != 0));
    }

    /// <summary>Without the port, which is the last of what colons set apart.</summary>
    private static string? HostOf(ServerProcess client) =>
        client.Host is { } host && host.LastIndexOf(':') is var colon and >= 0 ? host[..colon] : client.Host;

    private sealed record ClientProgram(string? Name, bool IsLeg);
}
