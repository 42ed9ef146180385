namespace Switchyard.Replication.Schema;

/// <summary>Settings and grants a target needs.</summary>
internal static class TargetServerRules
{
    private static readonly string[] Needed =
    [
        "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "INDEX", "REFERENCES", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE",
        "ALTER ROUTINE", "TRIGGER", "EVENT", "LOCK TABLES",
    ];

    internal static IEnumerable<GateFinding> Check(ServerFacts server, IReadOnlyCollection<string> schemas)
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

        foreach (var (scope, purpose) in schemas.Select(s => (s, $"create and fill the schema {s}")).Append(("_switchyard", "keep its position beside the rows")))
        {
            string[] missing = [.. Needed.Where(p => !server.Grants.HasOnSchema(p, scope))];
            if (missing.Length > 0)
            {
                yield return SourceServerRules.MissingGrants("target", server, missing, $"{SourceServerRules.Quote(scope)}.*", purpose);
            }
        }

        if (server.PreparedXa.Count > 0)
        {
            yield return GateFinding.Warn(
                "xa_prepared", "target", $"The target has {server.PreparedXa.Count} prepared XA transactions, whose locks can stop the copy.", "Finish them with XA COMMIT or XA ROLLBACK.");
        }

        foreach (var finding in CheckReverse(server, "target"))
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

    /// <summary>After a switch the side it went to is the source of the stream back.</summary>
    internal static IEnumerable<GateFinding> CheckReverse(ServerFacts server, string side)
    {
        const string Consequence = "so that there is no way back after a switch";
        if (!server.IsOn("log_bin"))
        {
            yield return GateFinding.Warn("reverse_binlog_off", side, $"The {side} writes no binary log, {Consequence}.", "Set log_bin and a server_id in its configuration and restart it.");
            yield break;
        }

        if (server.Has("binlog_format") && !server.Variable("binlog_format").Equals("ROW", StringComparison.OrdinalIgnoreCase))
        {
            yield return GateFinding.Warn(
                "reverse_binlog_format", side, $"The {side} logs in the format {server.Variable("binlog_format")}, {Consequence}.", "Run SET GLOBAL binlog_format='ROW' on it.");
        }

        if (server.Has("binlog_row_image") && !server.Variable("binlog_row_image").Equals("FULL", StringComparison.OrdinalIgnoreCase))
        {
            yield return GateFinding.Warn(
                "reverse_binlog_row_image", side, $"The {side} logs only parts of changed rows, {Consequence}.", "Run SET GLOBAL binlog_row_image='FULL' on it.");
        }

        if (server.Variable("binlog_row_value_options").Length > 0)
        {
            yield return GateFinding.Warn(
                "reverse_binlog_row_value_options", side, $"The {side} logs partial JSON updates, {Consequence}.", "Run SET GLOBAL binlog_row_value_options='' on it.");
        }

        if (server.BinlogFilters is { } filters)
        {
            yield return GateFinding.Warn(
                "reverse_binlog_filters", side, $"The {side} leaves changes out of its binary log ({filters}), {Consequence}.", "Remove these filters and restart it.");
        }

        if (server is { IsMariaDb: false } && server.AtLeast(8, 0) && !server.Grants.HasGlobal("XA_RECOVER_ADMIN"))
        {
            yield return GateFinding.Warn(
                "reverse_grants", side, $"The account {server.Grants.Account} may not list the {side}'s prepared XA transactions, {Consequence}.",
                $"Run on the {side}: GRANT XA_RECOVER_ADMIN ON *.* TO {server.Grants.QuotedAccount};");
        }

        if (!server.Grants.HasGlobal("REPLICATION SLAVE", "REPLICATION REPLICA") || !server.Grants.HasGlobal("REPLICATION CLIENT", "BINLOG MONITOR"))
        {
            var monitor = server.IsMariaDb && server.AtLeast(10, 5) ? "BINLOG MONITOR" : "REPLICATION CLIENT";
            yield return GateFinding.Warn(
                "reverse_grants", side, $"The account {server.Grants.Account} may not read the {side}'s binary log, {Consequence}.",
                $"Run on the {side}: GRANT REPLICATION SLAVE, {monitor} ON *.* TO {server.Grants.QuotedAccount};");
        }
    }
}
