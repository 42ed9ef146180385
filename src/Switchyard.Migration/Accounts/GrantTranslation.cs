using System.Text.RegularExpressions;
using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>
/// The part of an account's grants that concerns the migrated schemas, in words both vendors know. Rights on everything become rights on each schema:
/// an application keeps what it does there and gets nothing else on the other server.
/// </summary>
internal static partial class GrantTranslation
{
    // Rights that exist at the level of a schema on every supported server.
    private static readonly HashSet<string> s_known = new(StringComparer.OrdinalIgnoreCase)
    {
        "ALL PRIVILEGES", "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "CREATE TEMPORARY TABLES", "LOCK TABLES",
        "EXECUTE", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT", "TRIGGER",
    };

    /// <summary>The statements to run on the other server, and what was left out.</summary>
    public static (IReadOnlyList<string> Grants, IReadOnlyList<string> LeftOut) ForSchemas(IReadOnlyList<string> shown, IReadOnlyList<string> schemas, Account account)
    {
        var each = schemas.Select(s => ForSchema(shown, s, account)).ToList();
        return ([.. each.SelectMany(e => e.Grants).Distinct(StringComparer.Ordinal)], [.. each.SelectMany(e => e.LeftOut).Distinct(StringComparer.Ordinal)]);
    }

    private static (IReadOnlyList<string> Grants, IReadOnlyList<string> LeftOut) ForSchema(IEnumerable<string> shown, string schema, Account account)
    {
        var grants = new List<string>();
        var leftOut = new List<string>();
        foreach (var line in shown)
        {
            if (Grant().Match(line) is not { Success: true } match)
            {
                leftOut.Add(line);
                continue;
            }

            var target = match.Groups["object"].Value.Trim();
            if (Scope(target, schema) is not { } scope)
            {
                continue;
            }

            var (kept, dropped) = Split(match.Groups["rights"].Value);
            leftOut.AddRange(dropped.Select(d => $"{d} on {target}"));
            if (kept.Count > 0)
            {
                var option = match.Groups["tail"].Value.Contains("GRANT OPTION", StringComparison.OrdinalIgnoreCase) && scope.IsOwn ? " WITH GRANT OPTION" : "";
                grants.Add($"GRANT {string.Join(", ", kept)} ON {scope.Text} TO {account.Quoted}{option}");
            }
        }

        return (grants, leftOut);
    }

    /// <summary>Where a grant on <paramref name="target"/> applies on the other server; null when it is about something else.</summary>
    private static (string Text, bool IsOwn)? Scope(string target, string schema)
    {
        if (target == "*.*")
        {
            return ($"{SqlText.QuoteIdentifier(EscapePattern(schema))}.*", false);
        }

        if (Object().Match(target) is not { Success: true } match)
        {
            return null;
        }

        var pattern = match.Groups["schema"].Value.Replace("``", "`", StringComparison.Ordinal);
        return Matches(pattern, schema) ? (target, true) : null;
    }

    private static (List<string> Kept, List<string> Dropped) Split(string rights)
    {
        var kept = new List<string>();
        var dropped = new List<string>();
        foreach (var right in Rights().Matches(rights).Select(m => m.Value.Trim()).Where(r => r.Length > 0))
        {
            var name = right.Split('(')[0].Trim();
            if (string.Equals(name, "USAGE", StringComparison.OrdinalIgnoreCase))
            {
                continue;
            }

            (s_known.Contains(name) ? kept : dropped).Add(right);
        }

        return (kept, dropped);
    }

    /// <summary>LIKE, as the server matches schema names of grants.</summary>
    private static bool Matches(string pattern, string schema)
    {
        var regex = new System.Text.StringBuilder("^");
        for (var i = 0; i < pattern.Length; i++)
        {
            regex.Append(pattern[i] switch
            {
                '\\' when i + 1 < pattern.Length => Regex.Escape(pattern[++i].ToString()),
                '%' => ".*",
                '_' => ".",
                var c => Regex.Escape(c.ToString()),
            });
        }

        return Regex.IsMatch(schema, regex.Append('$').ToString(), RegexOptions.Singleline | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
    }

    private static string EscapePattern(string schema) => schema.Replace("_", "\\_", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal);

    [GeneratedRegex(@"^GRANT (?<rights>.+?) ON (?<object>(?:FUNCTION |PROCEDURE |TABLE )?(?:`(?:[^`]|``)*`|\*)\.(?:`(?:[^`]|``)*`|\*)) TO (?<tail>.+)$", RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex Grant();

    [GeneratedRegex(@"^(?:FUNCTION |PROCEDURE |TABLE )?`(?<schema>(?:[^`]|``)*)`\.", RegexOptions.IgnoreCase)]
    private static partial Regex Object();

    [GeneratedRegex(@"[^,(]+(?:\([^)]*\))?")]
    private static partial Regex Rights();
}
