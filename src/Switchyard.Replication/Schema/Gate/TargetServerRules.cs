namespace Switchyard.Replication.Schema;

/// <summary>Settings and grants a target needs.</summary>
internal static class TargetServerRules
{
    private static readonly string[] Needed =
    [
        "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE",
        "ALTER ROUTINE", "TRIGGER", "EVENT", "LOCK TABLES",
    ];

    internal static IEnumerable<GateFinding> Check(ServerFacts server, string schema)
    {
        if (server.IsMariaDb ? !server.AtLeast(10, 2) : !server.AtLeast(5, 6))
        {
            yield return GateFinding.Refuse(
                "version_too_old", "target", $"The target is {server.Title}; MySQL 5.6 or MariaDB 10.2 is the oldest that can be written exactly.", "Choose a newer server.");
        }

        if (server.IsOn("read_only") || server.IsOn("super_read_only"))
        {
            yield return GateFinding.Refuse(
                "target_read_only", "target", "The target is read-only.", "Run SET GLOBAL read_only=OFF on it (and super_read_only=OFF on MySQL).");
        }

        if (!server.Grants.HasRoles)
        {
            foreach (var (scope, purpose) in new[] { (schema, $"create and fill the schema {schema}"), ("_switchyard", "keep its position beside the rows") })
            {
                string[] missing = [.. Needed.Where(p => !server.Grants.HasOnSchema(p, scope))];
                if (missing.Length > 0)
                {
                    yield return SourceServerRules.MissingGrants("target", server.Grants, missing, $"{SourceServerRules.Quote(scope)}.*", purpose);
                }
            }
        }

        if (server.PreparedXa.Count > 0)
        {
            yield return GateFinding.Warn(
                "xa_prepared", "target", $"The target has {server.PreparedXa.Count} prepared XA transactions, whose locks can stop the copy.", "Finish them with XA COMMIT or XA ROLLBACK.");
        }

        foreach (var finding in CheckReverse(server))
        {
            yield return finding;
        }

        if (server.Has("innodb_flush_log_at_trx_commit") && server.Number("innodb_flush_log_at_trx_commit") != 1)
        {
            yield return GateFinding.Warn(
                "durability", "target", "The target may lose its last transactions in a power failure (innodb_flush_log_at_trx_commit is not 1).",
                "Run SET GLOBAL innodb_flush_log_at_trx_commit=1 before the switch, or accept it.");
        }
    }

    /// <summary>After a switch the target is the reverse stream's source.</summary>
    private static IEnumerable<GateFinding> CheckReverse(ServerFacts server)
    {
        const string consequence = "so that there is no way back after a switch";
        if (!server.IsOn("log_bin"))
        {
            yield return GateFinding.Warn("reverse_binlog_off", "target", $"The target writes no binary log, {consequence}.", "Set log_bin and a server_id in its configuration and restart it.");
            yield break;
        }

        if (server.Has("binlog_format") && !server.Variable("binlog_format").Equals("ROW", StringComparison.OrdinalIgnoreCase))
        {
            yield return GateFinding.Warn(
                "reverse_binlog_format", "target", $"The target logs in the format {server.Variable("binlog_format")}, {consequence}.", "Run SET GLOBAL binlog_format='ROW' on it.");
        }

        if (server.Has("binlog_row_image") && !server.Variable("binlog_row_image").Equals("FULL", StringComparison.OrdinalIgnoreCase))
        {
            yield return GateFinding.Warn(
                "reverse_binlog_row_image", "target", $"The target logs only parts of changed rows, {consequence}.", "Run SET GLOBAL binlog_row_image='FULL' on it.");
        }

        if (server.Variable("binlog_row_value_options").Length > 0)
        {
            yield return GateFinding.Warn(
                "reverse_binlog_row_value_options", "target", $"The target logs partial JSON updates, {consequence}.", "Run SET GLOBAL binlog_row_value_options='' on it.");
        }

        if (server.BinlogFilters is { } filters)
        {
            yield return GateFinding.Warn(
                "reverse_binlog_filters", "target", $"The target leaves changes out of its binary log ({filters}), {consequence}.", "Remove these filters and restart it.");
        }

        if (!server.Grants.HasRoles
            && (!server.Grants.HasGlobal("REPLICATION SLAVE", "REPLICATION REPLICA") || !server.Grants.HasGlobal("REPLICATION CLIENT", "BINLOG MONITOR")))
        {
            var monitor = server.IsMariaDb && server.AtLeast(10, 5) ? "BINLOG MONITOR" : "REPLICATION CLIENT";
            yield return GateFinding.Warn(
                "reverse_grants", "target", $"The account {server.Grants.Account} may not read the target's binary log, {consequence}.",
                $"Run on the target: GRANT REPLICATION SLAVE, {monitor} ON *.* TO {server.Grants.QuotedAccount};");
        }
    }
}
