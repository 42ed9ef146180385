using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>Settings in which two servers must not, or should not, differ.</summary>
internal static class PairRules
{
    internal static IEnumerable<GateFinding> Check(ServerFacts source, ServerFacts target, ConnectionOptions from, ConnectionOptions to)
    {
        var sameId = source.Variable("server_uuid") is { Length: > 0 } uuid ? uuid == target.Variable("server_uuid")
            : source.Variable("server_uid") is { Length: > 0 } uid && uid == target.Variable("server_uid");
        if (sameId || (from.Port == to.Port && string.Equals(from.Host, to.Host, StringComparison.OrdinalIgnoreCase)))
        {
            yield return GateFinding.Refuse("same_server", "target", "Source and target are the same server.", "Give the target's own DSN.");
        }

        if (source.Variable("lower_case_table_names") != target.Variable("lower_case_table_names"))
        {
            yield return GateFinding.Refuse(
                "lower_case_table_names", "target",
                $"The servers treat the case of table names differently (lower_case_table_names is {source.Variable("lower_case_table_names")} on the source and {target.Variable("lower_case_table_names")} on the target): "
                + (source.Variable("lower_case_table_names") == "0"
                    ? "there, tables whose names differ only by case would be one, and the others would be listed and logged in lower case."
                    : "statements that write a name in another case than it is kept in work on the source and would fail on the target."),
                "Set up the target with the source's value; it can only be chosen when its data directory is made.");
        }

        if (target.Number("max_allowed_packet") is > 0 and var packet && packet < source.Number("max_allowed_packet"))
        {
            yield return GateFinding.Warn(
                "max_allowed_packet", "target", $"The target accepts statements of {packet} bytes, the source {source.Number("max_allowed_packet")}: the largest rows might not fit.",
                $"Run SET GLOBAL max_allowed_packet={source.Number("max_allowed_packet")} on the target.");
        }

        if (source.IsMariaDb && target.IsMariaDb && target.AtLeast(10, 5) && (!target.Grants.HasGlobal("BINLOG REPLAY", "SUPER") || !target.Grants.HasGlobal("BINLOG ADMIN", "SUPER")))
        {
            yield return GateFinding.Info(
                "rows_as_sql", "target", $"The account {target.Grants.Account} may not hand the target rows as they were logged, so changes are applied as SQL, which is right and slower.",
                $"Run on the target: GRANT BINLOG REPLAY, BINLOG ADMIN ON *.* TO {target.Grants.QuotedAccount};");
        }

        if (SystemZone(source) != SystemZone(target))
        {
            yield return GateFinding.Warn(
                "time_zone", "target", $"The servers' time zones differ ({SystemZone(source)} and {SystemZone(target)}): applications that set none will see other local times.",
                "Set default_time_zone on the target to the source's.");
        }

        var sourceModes = Modes(source);
        var targetModes = Modes(target);
        if (!sourceModes.SetEquals(targetModes))
        {
            var more = targetModes.Except(sourceModes).Order(StringComparer.Ordinal).ToList();
            var less = sourceModes.Except(targetModes).Order(StringComparer.Ordinal).ToList();
            yield return GateFinding.Warn(
                "sql_mode", "target",
                $"The servers' sql_mode differs{(more.Count > 0 ? $"; the target has also {string.Join(", ", more)}" : "")}{(less.Count > 0 ? $"; it lacks {string.Join(", ", less)}" : "")}: statements may be judged otherwise there.",
                "Set the target's sql_mode to the source's, as far as it knows it, or check the application.");
        }

        if (source.Variable("character_set_server") != target.Variable("character_set_server"))
        {
            yield return GateFinding.Info(
                "character_set_server", "target",
                $"The servers' default character sets differ ({source.Variable("character_set_server")} and {target.Variable("character_set_server")}); copied tables keep theirs, tables made later would not.");
        }
    }

    private static string SystemZone(ServerFacts server) =>
        server.Variable("time_zone").Equals("SYSTEM", StringComparison.OrdinalIgnoreCase) ? server.Variable("system_time_zone") : server.Variable("time_zone");

    /// <summary>Modes only one vendor or version has are left out: they cannot be set alike.</summary>
    private static HashSet<string> Modes(ServerFacts server) =>
        [.. server.Variable("sql_mode").Split(',', StringSplitOptions.RemoveEmptyEntries).Except(["NO_AUTO_CREATE_USER", "NO_ENGINE_SUBSTITUTION"], StringComparer.OrdinalIgnoreCase)];
}
