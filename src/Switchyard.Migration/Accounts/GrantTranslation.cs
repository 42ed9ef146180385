using System.Text.RegularExpressions;
using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

/// <summary>
/// The part of an account's grants that concerns the migrated schemas, in words both vendors know. Rights on everything become rights on each schema:
/// an application keeps what it does there and gets nothing else on the other server.
/// </summary>
internal static partial class GrantTranslation
{
    private const string All = "ALL PRIVILEGES";

    // Rights that exist at the level of a schema on every supported server.
    private static readonly HashSet<string> s_known = new(StringComparer.OrdinalIgnoreCase)
    {
        All, "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "CREATE TEMPORARY TABLES", "LOCK TABLES",
        "EXECUTE", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT", "TRIGGER",
    };

    /// <summary>The statements to run on the other server, and what was left out.</summary>
    /// <param name="shown">What SHOW GRANTS prints.</param>
    /// <param name="schemas">The migrated schemas.</param>
    /// <param name="moving">What of these schemas is on the other server.</param>
    /// <param name="account">Whom to grant it to.</param>
    public static (IReadOnlyList<string> Grants, IReadOnlyList<string> LeftOut) ForSchemas(
        IReadOnlyList<string> shown, IReadOnlyList<string> schemas, IReadOnlySet<TableName> moving, Account account)
    {
        var each = schemas.Select(s => ForSchema(shown, s, moving, account)).ToList();
        return ([.. each.SelectMany(e => e.Grants).Distinct(StringComparer.Ordinal)], [.. each.SelectMany(e => e.LeftOut).Distinct(StringComparer.Ordinal)]);
    }

    /// <summary>What of one account's rights in the schemas another has not: <c>SELECT on shop.t</c>.</summary>
    /// <param name="wanted">What SHOW GRANTS prints of the one.</param>
    /// <param name="given">What it prints of the other.</param>
    /// <param name="schemas">The migrated schemas.</param>
    /// <param name="there">What of these schemas is on the other's server.</param>
    public static IReadOnlyList<string> Lacking(IReadOnlyList<string> wanted, IReadOnlyList<string> given, IReadOnlyList<string> schemas, IReadOnlySet<TableName> there)
    {
        var lacking = new List<string>();
        foreach (var schema in schemas)
        {
            var has = RightsIn(given, schema).ToHashSet();
            lacking.AddRange(RightsIn(wanted, schema)
                .Where(r => (r.Name is null || there.Contains(new TableName(schema, r.Name))) && !has.Contains(r) && !has.Contains((null, r.Right)))
                .Select(r => $"{r.Right} on {schema}.{r.Name ?? "*"}"));
        }

        return [.. lacking.Distinct(StringComparer.Ordinal)];
    }

    private static IEnumerable<(string? Name, string Right)> RightsIn(IReadOnlyList<string> shown, string schema) =>
        from line in shown
        let match = Grant().Match(line)
        where match.Success
        let scope = Scope(match.Groups["object"].Value.Trim(), schema)
        where scope is not null
        from right in Split(match.Groups["rights"].Value).Kept
        from each in right.Equals(All, StringComparison.OrdinalIgnoreCase) ? s_known.Where(r => r != All) : [right.ToUpperInvariant()]
        select (scope.Value.Name, each);

    private static (IReadOnlyList<string> Grants, IReadOnlyList<string> LeftOut) ForSchema(IReadOnlyList<string> shown, string schema, IReadOnlySet<TableName> moving, Account account)
    {
        var grants = new List<string>();
        var leftOut = new List<string>();
        var revoked = shown.Select(l => Revoke().Match(l)).Where(m => m.Success && Unquote(m.Groups["schema"].Value) == schema)
            .SelectMany(m => Rights().Matches(m.Groups["rights"].Value)).Select(r => r.Value.Trim()).ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var line in shown)
        {
            if (Grant().Match(line) is not { Success: true } match)
            {
                if (!Revoke().IsMatch(line))
                {
                    leftOut.Add(line);
                }

                continue;
            }

            var target = match.Groups["object"].Value.Trim();
            if (Scope(target, schema) is not { } scope)
            {
                continue;
            }

            if (scope.Name is { } name && !moving.Contains(new TableName(schema, name)))
            {
                leftOut.Add($"{match.Groups["rights"].Value} on {target}, which is not on the other server");
                continue;
            }

            var (kept, dropped) = Split(match.Groups["rights"].Value);
            leftOut.AddRange(dropped.Select(d => $"{d} on {target}"));
            if (!scope.IsOwn && revoked.Count > 0)
            {
                kept = [.. (kept.Contains(All, StringComparer.OrdinalIgnoreCase) ? s_known.Where(r => r != All) : kept).Where(r => !revoked.Contains(r))];
            }

            if (kept.Count > 0)
            {
                var option = match.Groups["tail"].Value.Contains("GRANT OPTION", StringComparison.OrdinalIgnoreCase) && scope.IsOwn ? " WITH GRANT OPTION" : "";
                grants.Add($"GRANT {string.Join(", ", kept)} ON {scope.Text} TO {account.Quoted}{option}");
            }
        }

        return (grants, leftOut);
    }

    /// <summary>Where a grant on <paramref name="target"/> applies on the other server, and the one thing it is about if it is; null when it is about something else.</summary>
    private static (string Text, bool IsOwn, string? Name)? Scope(string target, string schema)
    {
        if (target == "*.*")
        {
            return ($"{SqlText.QuoteIdentifier(EscapePattern(schema))}.*", false, null);
        }

        if (Object().Match(target) is not { Success: true } match)
        {
            return null;
        }

        var named = Unquote(match.Groups["schema"].Value);
        var name = match.Groups["name"].Value;
        if (name != "*")
        {
            return named == schema ? (target, true, Unquote(name)) : null;
        }

        // A pattern that means more schemas may mean others on the other server.
        var isExact = named.Replace("\\_", "_", StringComparison.Ordinal).Replace("\\%", "%", StringComparison.Ordinal) == schema;
        return !Matches(named, schema) ? null : (isExact ? target : $"{SqlText.QuoteIdentifier(EscapePattern(schema))}.*", true, null);
    }

    private static string Unquote(string name) => name.Trim('`').Replace("``", "`", StringComparison.Ordinal);

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

    /// <summary>Where a right on everything does not count: MySQL's partial revokes.</summary>
    [GeneratedRegex(@"^REVOKE (?<rights>.+?) ON (?<schema>`(?:[^`]|``)*`)\.\* FROM ", RegexOptions.IgnoreCase)]
    private static partial Regex Revoke();

    [GeneratedRegex(@"^(?:FUNCTION |PROCEDURE |TABLE )?(?<schema>`(?:[^`]|``)*`)\.(?<name>`(?:[^`]|``)*`|\*)$", RegexOptions.IgnoreCase)]
    private static partial Regex Object();

    [GeneratedRegex(@"[^,(]+(?:\([^)]*\))?")]
    private static partial Regex Rights();
}
