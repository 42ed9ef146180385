using Switchyard.Replication.Source;

namespace Switchyard.Replication.Schema;

/// <summary>Settings and grants a source needs, in either direction of a migration.</summary>
internal static class SourceServerRules
{
    private static readonly TimeSpan s_minRetention = TimeSpan.FromDays(1);

    internal static IEnumerable<GateFinding> Check(ServerFacts server, IReadOnlyCollection<string> schemas)
    {
        if (server.IsMariaDb ? !server.AtLeast(10, 2) : !server.AtLeast(5, 6))
        {
            yield return GateFinding.Refuse(
                "version_too_old", "source", $"The source is {server.Title}; MySQL 5.6 or MariaDB 10.2 is the oldest that can be moved.", "Upgrade it in place first.");
        }

        if (!server.IsOn("log_bin"))
        {
            yield return GateFinding.Refuse(
                "binlog_off", "source", "The source writes no binary log, so that changes made during the copy could not be followed.",
                "Set log_bin and a server_id in its configuration and restart it.");
        }
        else
        {
            foreach (var finding in CheckBinlog(server))
            {
                yield return finding;
            }
        }

        foreach (var finding in CheckGrants(server, schemas))
        {
            yield return finding;
        }

        if (server.PreparedXa.Count > 0)
        {
            yield return GateFinding.Warn(
                "xa_prepared", "source", $"The source has {server.PreparedXa.Count} prepared XA transactions: {PreparedXa.Describe(server.PreparedXa)}. The copy waits a minute for those prepared before it, and is refused if one stays.",
                "End those that were left behind with XA COMMIT or XA ROLLBACK.");
        }
    }

    private static IEnumerable<GateFinding> CheckBinlog(ServerFacts server)
    {
        var format = server.Variable("binlog_format");
        if (server.Has("binlog_format") && !format.Equals("ROW", StringComparison.OrdinalIgnoreCase))
        {
            yield return GateFinding.Refuse(
                "binlog_format", "source", $"The source logs {format.ToLowerInvariant()} changes (binlog_format={format}); only row changes can be applied exactly.",
                "Run SET GLOBAL binlog_format='ROW', keep it in the configuration, and reconnect the applications, whose sessions keep the old setting.");
        }

        var image = server.Variable("binlog_row_image");
        if (server.Has("binlog_row_image") && !image.Equals("FULL", StringComparison.OrdinalIgnoreCase))
        {
            yield return GateFinding.Refuse(
                "binlog_row_image", "source", $"The source logs only parts of changed rows (binlog_row_image={image}).",
                "Run SET GLOBAL binlog_row_image='FULL', keep it in the configuration, and reconnect the applications.");
        }

        if (server.Variable("binlog_row_value_options").Length > 0)
        {
            yield return GateFinding.Refuse(
                "binlog_row_value_options", "source", "The source logs partial JSON updates (binlog_row_value_options=PARTIAL_JSON), which do not carry whole values.",
                "Run SET GLOBAL binlog_row_value_options='', keep it in the configuration, and reconnect the applications.");
        }

        if (server.BinlogFilters is { } filters)
        {
            yield return GateFinding.Refuse(
                "binlog_filters", "source", $"The source leaves changes out of its binary log (binlog_do_db or binlog_ignore_db: {filters}).",
                "Remove these filters from its configuration and restart it.");
        }

        var updates = server.Has("log_replica_updates") ? "log_replica_updates" : "log_slave_updates";
        if (server.Has(updates) && !server.IsOn(updates))
        {
            yield return GateFinding.Warn(
                "log_replica_updates", "source", $"The source does not log changes it receives as a replica ({updates}=OFF); if it is one, they are lost.",
                $"Set {updates}=ON and restart it, unless nothing replicates into it.");
        }

        var retention = LogRetention.Of(server.Variable);
        if (retention.Age is { } age && age < s_minRetention)
        {
            yield return GateFinding.Warn(
                "binlog_retention", "source", $"The source keeps its binary log for {age.TotalHours:0.#} hours only; a migration that stands still for longer cannot go on and has to copy again.",
                server.Has("binlog_expire_logs_seconds")
                    ? "Run SET GLOBAL binlog_expire_logs_seconds=259200 (three days) or more, and keep it in the configuration for the time of the migration."
                    : "Run SET GLOBAL expire_logs_days=3 or more, and keep it in the configuration for the time of the migration.");
        }

        if (retention.Bytes is { } bytes)
        {
            yield return GateFinding.Warn(
                "binlog_retention", "source", $"The source keeps {bytes / 1048576} MB of binary log at most (max_binlog_total_size); a migration that stands still while more is written cannot go on and has to copy again.",
                "Give max_binlog_total_size room for what is written in three days, or set it to 0 for the time of the migration.");
        }

        // Before 5.6.20 there was no choice.
        if (!server.IsMariaDb && !server.Variable("binlog_error_action").Equals("ABORT_SERVER", StringComparison.OrdinalIgnoreCase))
        {
            yield return GateFinding.Warn(
                "binlog_error_action", "source", "The source goes on without its binary log when it cannot write it, as when its disk is full (binlog_error_action is not ABORT_SERVER); what is changed then never reaches the target.",
                "Run SET GLOBAL binlog_error_action='ABORT_SERVER' (MySQL from 5.6.22), keep it in the configuration, and watch the disk of its log.");
        }

        if (server.Has("sync_binlog") && server.Number("sync_binlog") != 1)
        {
            yield return GateFinding.Warn(
                "sync_binlog", "source", "The source may lose the end of its binary log in a power failure (sync_binlog is not 1); then the target would have changes the source forgot.",
                "Run SET GLOBAL sync_binlog=1, or accept it.");
        }
    }

    private static IEnumerable<GateFinding> CheckGrants(ServerFacts server, IReadOnlyCollection<string> schemas)
    {
        var grants = server.Grants;
        var missing = new List<string>();
        if (!grants.HasGlobal("REPLICATION SLAVE", "REPLICATION REPLICA"))
        {
            missing.Add("REPLICATION SLAVE");
        }

        var monitor = server.IsMariaDb && server.AtLeast(10, 5) ? "BINLOG MONITOR" : "REPLICATION CLIENT";
        if (!grants.HasGlobal("REPLICATION CLIENT", "BINLOG MONITOR"))
        {
            missing.Add(monitor);
        }

        if (!server.IsMariaDb && !server.AtLeast(5, 7) && !grants.HasGlobal("RELOAD"))
        {
            missing.Add("RELOAD");
        }

        // Without it XA RECOVER is refused, and rows that are prepared when the copy begins would be missed unseen.
        if (server is { IsMariaDb: false } && server.AtLeast(8, 0) && !grants.HasGlobal("XA_RECOVER_ADMIN"))
        {
            missing.Add("XA_RECOVER_ADMIN");
        }

        if (missing.Count > 0)
        {
            yield return MissingGrants("source", server, missing, "*.*", "follow its changes");
        }

        if (!grants.HasGlobal("PROCESS"))
        {
            yield return GateFinding.Warn(
                "process_missing", "source",
                $"The account {grants.Account} on the source does not see what other accounts do there: a switch names no open transactions and no clients that bypass the proxy, and is refused where the schema has events, which it could not wait for.",
                $"Run on the source: GRANT PROCESS ON *.* TO {grants.QuotedAccount};");
        }

        foreach (var schema in schemas)
        {
            string[] onSchema = [.. new[] { "SELECT", "LOCK TABLES", "SHOW VIEW", "TRIGGER", "EVENT" }.Where(p => !grants.HasOnSchema(p, schema))];
            if (onSchema.Length > 0)
            {
                yield return MissingGrants("source", server, onSchema, $"{Quote(schema)}.*", $"read the schema {schema} and hand it over");
            }
        }

        foreach (var finding in CheckFollower(server, schemas, "source"))
        {
            yield return finding;
        }
    }

    /// <summary>After a switch the side it came from is written by the reverse stream, which keeps its position there too.</summary>
    internal static IEnumerable<GateFinding> CheckFollower(ServerFacts server, IReadOnlyCollection<string> schemas, string side)
    {
        string[] rows = ["INSERT", "UPDATE", "DELETE"];
        string[] own = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP"];
        var grants = server.Grants;
        foreach (var (scope, privileges) in schemas.Select(s => (s, rows)).Append(("_switchyard", own)))
        {
            string[] lacking = [.. privileges.Where(p => !grants.HasOnSchema(p, scope))];
            if (lacking.Length > 0)
            {
                yield return GateFinding.Warn(
                    "reverse_grants", side,
                    $"The account {grants.Account} on the {side} lacks {string.Join(", ", lacking)} on {scope}, so that there is no way back after a switch.",
                    $"Run on the {side}: GRANT {string.Join(", ", lacking)} ON {Quote(scope)}.* TO {grants.QuotedAccount};");
            }
        }
    }

    internal static GateFinding MissingGrants(string side, ServerFacts server, IReadOnlyCollection<string> missing, string scope, string purpose)
    {
        var grants = server.Grants;
        var role = grants.HasInactiveRoles ? $" Or let its role count from login on: SET DEFAULT ROLE … {(server.IsMariaDb ? "FOR" : "TO")} {grants.QuotedAccount};" : "";
        return GateFinding.Refuse(
            "grants_missing", side, $"The account {grants.Account} on the {side} lacks {string.Join(", ", missing)}, which it needs to {purpose}.",
            $"Run on the {side}: GRANT {string.Join(", ", missing)} ON {scope} TO {grants.QuotedAccount};{role}");
    }

    internal static string Quote(string name) => $"`{name.Replace("`", "``", StringComparison.Ordinal)}`";
}
