using System.Text.RegularExpressions;

namespace Switchyard.Replication.Schema;

/// <summary>What SHOW GRANTS says an account may do, globally and in one schema.</summary>
internal sealed partial class GrantSet
{
    private readonly List<(HashSet<string> Privileges, string Schema, string Table)> _grants = [];
    private readonly List<(HashSet<string> Privileges, string Schema)> _revokes = [];

    private GrantSet(string account, bool hasInactiveRoles)
    {
        Account = account;
        HasInactiveRoles = hasInactiveRoles;
    }

    /// <summary>The account as the server matched it: <c>user@host</c>.</summary>
    internal string Account { get; }

    /// <summary>The account has roles and none is active after login, so that they give it nothing.</summary>
    internal bool HasInactiveRoles { get; }

    /// <summary>The account as GRANT takes it.</summary>
    internal string QuotedAccount
    {
        get
        {
            var at = Account.LastIndexOf('@');
            return at < 0 ? $"'{Account}'" : $"'{Account[..at]}'@'{Account[(at + 1)..]}'";
        }
    }

    /// <param name="account">As the server matched it.</param>
    /// <param name="lines">What SHOW GRANTS prints, for the account and for the roles that are active.</param>
    /// <param name="hasActiveRole">Whether any is.</param>
    internal static GrantSet Parse(string account, IEnumerable<string> lines, bool hasActiveRole)
    {
        var all = lines.ToList();
        var set = new GrantSet(account, !hasActiveRole && all.Exists(l => l.StartsWith("GRANT ", StringComparison.OrdinalIgnoreCase) && !l.Contains(" ON ", StringComparison.OrdinalIgnoreCase)));
        foreach (var line in all)
        {
            var match = Line().Match(line);
            if (!match.Success)
            {
                continue;
            }

            var privileges = ColumnList().Replace(match.Groups["privileges"].Value, "")
                .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .ToHashSet(StringComparer.OrdinalIgnoreCase);
            if (match.Groups["verb"].Value.Equals("REVOKE", StringComparison.OrdinalIgnoreCase))
            {
                set._revokes.Add((privileges, Unquote(match.Groups["schema"].Value)));
            }
            else
            {
                set._grants.Add((privileges, Unquote(match.Groups["schema"].Value), Unquote(match.Groups["table"].Value)));
            }
        }

        return set;
    }

    /// <summary>Whether one of the names (a privilege is called differently by version) is granted globally.</summary>
    internal bool HasGlobal(params string[] names) =>
        _grants.Exists(g => g.Schema == "*" && (g.Privileges.Contains("ALL PRIVILEGES") || g.Privileges.Contains("ALL") || names.Any(g.Privileges.Contains)));

    /// <summary>Whether a privilege is granted on every table of a schema.</summary>
    internal bool HasOnSchema(string name, string schema) =>
        (HasGlobal(name) && !_revokes.Exists(r => Matches(r.Schema, schema) && r.Privileges.Contains(name)))
        || _grants.Exists(g => g.Table == "*" && g.Schema != "*" && Matches(g.Schema, schema)
            && (g.Privileges.Contains("ALL PRIVILEGES") || g.Privileges.Contains(name)));

    /// <summary>Schema names in grants are patterns with % and _, escaped by a backslash.</summary>
    private static bool Matches(string pattern, string schema)
    {
        var regex = Regex.Escape(pattern).Replace(@"\\_", "\u0001", StringComparison.Ordinal).Replace(@"\\%", "\u0002", StringComparison.Ordinal)
            .Replace("%", ".*", StringComparison.Ordinal).Replace('_', '.')
            .Replace("\u0001", "_", StringComparison.Ordinal).Replace("\u0002", "%", StringComparison.Ordinal);
        return Regex.IsMatch(schema, $"^{regex}$", RegexOptions.CultureInvariant);
    }

    private static string Unquote(string name) => name.Length > 1 && name[0] is '`' or '"' or '\'' ? name[1..^1] : name;

    [GeneratedRegex(@"^(?<verb>GRANT|REVOKE)\s+(?<privileges>.+?)\s+ON\s+(?<schema>\*|`[^`]*`|""[^""]*""|'[^']*'|\w+)\.(?<table>\*|`[^`]*`|""[^""]*""|'[^']*'|\w+)\s+(?:TO|FROM)\s", RegexOptions.IgnoreCase)]
    private static partial Regex Line();

    [GeneratedRegex(@"\([^)]*\)")]
    private static partial Regex ColumnList();
}
