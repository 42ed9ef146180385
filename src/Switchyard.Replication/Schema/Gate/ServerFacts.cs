using System.Globalization;
using Switchyard.Client;
using Switchyard.Replication.Source;

namespace Switchyard.Replication.Schema;

/// <summary>What the gate knows of one server: its settings, what the account may do, open XA transactions.</summary>
internal sealed class ServerFacts
{
    private readonly Dictionary<string, string> _variables;

    private ServerFacts(ServerInfo server, Dictionary<string, string> variables, GrantSet grants, IReadOnlyList<string> preparedXa, string? binlogFilters)
    {
        Server = server;
        _variables = variables;
        Grants = grants;
        PreparedXa = preparedXa;
        BinlogFilters = binlogFilters;
    }

    internal ServerInfo Server { get; }

    internal bool IsMariaDb => Server.IsMariaDb;

    internal GrantSet Grants { get; }

    /// <summary>XA transactions prepared and not finished, as the server prints them.</summary>
    internal IReadOnlyList<string> PreparedXa { get; }

    /// <summary>binlog_do_db and binlog_ignore_db as text; null when there are none or they cannot be read.</summary>
    internal string? BinlogFilters { get; }

    internal string Title => $"{(IsMariaDb ? "MariaDB" : "MySQL")} {Server.Version}";

    internal bool AtLeast(int major, int minor, int patch = 0) => Server.Version >= new Version(major, minor, patch);

    internal static async Task<ServerFacts> ReadAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        var variables = await connection.QueryAsync("SHOW GLOBAL VARIABLES", cancellationToken).ConfigureAwait(false);
        var map = variables.Rows.ToDictionary(r => r.GetString(0), r => r.GetStringOrNull(1) ?? "", StringComparer.OrdinalIgnoreCase);
        var account = (await connection.QueryAsync("SELECT CURRENT_USER()", cancellationToken).ConfigureAwait(false)).GetString(0, 0);
        var grantSet = await ReadGrantsAsync(connection, account, cancellationToken).ConfigureAwait(false);
        string? filters = null;
        IReadOnlyList<string> xa = [];
        try
        {
            var modern = connection.Server.IsAtLeast(ServerVendor.MySql, 8, 2);
            var status = await connection.QueryAsync(modern ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", cancellationToken).ConfigureAwait(false);
            if (status.RowCount > 0)
            {
                var both = new[] { status.GetStringOrNull(0, 2), status.GetStringOrNull(0, 3) }.Where(s => !string.IsNullOrEmpty(s)).ToArray();
                filters = both.Length > 0 ? string.Join(", ", both) : null;
            }
        }
        catch (ServerErrorException)
        {
            // The missing grant is a finding of its own.
        }

        try
        {
            xa = await Source.PreparedXa.ReadAsync(connection, cancellationToken).ConfigureAwait(false);
        }
        catch (ReplicationException)
        {
            // The missing grant is a finding of its own.
        }

        return new ServerFacts(connection.Server, map, grantSet, xa, filters);
    }

    /// <summary>What the account may do by itself and by the roles that are active after login.</summary>
    private static async Task<GrantSet> ReadGrantsAsync(BackendConnection connection, string account, CancellationToken cancellationToken)
    {
        var lines = (await connection.QueryAsync("SHOW GRANTS", cancellationToken).ConfigureAwait(false)).Rows.Select(r => r.GetString(0)).ToList();
        if (!connection.Server.IsMariaDb && !connection.Server.IsAtLeast(ServerVendor.MySql, 8, 0))
        {
            return GrantSet.Parse(account, lines, hasActiveRole: false);
        }

        // MySQL: NONE, or a list as USING takes it. MariaDB: one role, or NULL.
        var role = (await connection.QueryAsync("SELECT CURRENT_ROLE()", cancellationToken).ConfigureAwait(false)).GetStringOrNull(0, 0);
        if (role is null or "" or "NONE")
        {
            return GrantSet.Parse(account, lines, hasActiveRole: false);
        }

        var withRoles = await connection.QueryAsync(
            connection.Server.IsMariaDb ? "SHOW GRANTS FOR CURRENT_ROLE" : $"SHOW GRANTS FOR CURRENT_USER() USING {role}", cancellationToken).ConfigureAwait(false);
        return GrantSet.Parse(account, lines.Concat(withRoles.Rows.Select(r => r.GetString(0))), hasActiveRole: true);
    }

    internal string Variable(string name) => _variables.GetValueOrDefault(name, "");

    internal bool Has(string name) => _variables.ContainsKey(name);

    internal bool IsOn(string name) => Variable(name).ToUpperInvariant() is "ON" or "1" or "YES" or "TRUE";

    internal long Number(string name) =>
        decimal.TryParse(Variable(name), NumberStyles.Number, CultureInfo.InvariantCulture, out var value) ? (long)Math.Min(value, long.MaxValue) : 0;
}
