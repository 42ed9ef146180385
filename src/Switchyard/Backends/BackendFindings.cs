using Switchyard.Api;
using Switchyard.Migration;

namespace Switchyard.Backends;

/// <summary>
/// What a migration would miss on a server. A backend may only ever be a target, or answer for tables that never move, so nothing here is an
/// error: a migration's preflight knows the role and refuses.
/// </summary>
internal static class BackendFindings
{
    public static IEnumerable<Finding> Of(BackendReport report)
    {
        if (report.LogBin == false)
        {
            yield return Warn("binlog_off", $"The binary log of {report.Name} is off: nothing can be moved away from it, and a switch to it would have no way back.", "Set log_bin and server_id in the server's configuration and restart it.");
            yield break;
        }

        if (!string.Equals(report.BinlogFormat, "ROW", StringComparison.OrdinalIgnoreCase))
        {
            yield return Warn("binlog_format", $"The binary log of {report.Name} has the format {report.BinlogFormat}; rows are needed.", "SET GLOBAL binlog_format = 'ROW', also in the server's configuration, and let the application reconnect.");
        }

        if (report.BinlogRowImage is { } image && !image.Equals("FULL", StringComparison.OrdinalIgnoreCase))
        {
            yield return Warn("binlog_row_image", $"The row images of {report.Name} are {image}; full ones are needed.", "SET GLOBAL binlog_row_image = 'FULL', also in the server's configuration, and let the application reconnect.");
        }

        if (report.ServerId is 0)
        {
            yield return Warn("server_id", $"The server_id of {report.Name} is 0: it refuses to send its binary log.", "Set a server_id of its own.");
        }

        if (report.GtidMode is { } gtid && !gtid.Equals("ON", StringComparison.OrdinalIgnoreCase))
        {
            yield return new Finding(FindingSeverity.Information, "gtid_mode", $"GTIDs of {report.Name} are {gtid}; file and offset serve as position.", "");
        }

        if (report.ReadOnly == true)
        {
            yield return Warn("read_only", $"{report.Name} is read-only: it cannot take writes.", "SET GLOBAL read_only = OFF when it is to be the target.");
        }
    }

    /// <param name="report">The server.</param>
    /// <param name="grants">Lines of <c>SHOW GRANTS</c>.</param>
    public static IEnumerable<Finding> OfGrants(BackendReport report, IReadOnlyList<string> grants)
    {
        var held = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in grants)
        {
            var on = line.IndexOf(" ON *.* TO ", StringComparison.OrdinalIgnoreCase);
            if (on > 0 && line.StartsWith("GRANT ", StringComparison.OrdinalIgnoreCase))
            {
                held.UnionWith(line["GRANT ".Length..on].Split(',', StringSplitOptions.TrimEntries));
            }
            else if (!line.Contains(" ON ", StringComparison.OrdinalIgnoreCase))
            {
                // A role was granted; its rights are listed elsewhere, so nothing can be said to be missing.
                yield break;
            }
        }

        if (held.Contains("ALL PRIVILEGES") || held.Contains("ALL"))
        {
            yield break;
        }

        (string What, string[] AnyOf)[] needed =
        [
            ("REPLICATION SLAVE", ["REPLICATION SLAVE"]),
            ("REPLICATION CLIENT", ["REPLICATION CLIENT", "BINLOG MONITOR"]),
        ];
        var missing = needed.Where(need => !need.AnyOf.Any(held.Contains)).Select(need => need.What).ToList();
        if (missing.Count > 0)
        {
            yield return Warn(
                "grants_missing",
                $"The account {report.Account} of {report.Name} lacks {string.Join(" and ", missing)}: its binary log cannot be read.",
                $"GRANT {string.Join(", ", missing)} ON *.* TO {Quote(report.Account)};");
        }
    }

    private static Finding Warn(string code, string what, string remedy) => new(FindingSeverity.Warning, code, what, remedy);

    private static string Quote(string? account)
    {
        var at = account?.LastIndexOf('@') ?? -1;
        return at < 0 ? $"'{account}'" : $"'{account![..at]}'@'{account[(at + 1)..]}'";
    }
}
