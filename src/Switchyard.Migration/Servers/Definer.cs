using System.Text.RegularExpressions;
using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>The account that a stored program runs as, in the statement its server prints of it.</summary>
internal static partial class Definer
{
    /// <summary>The account, or MariaDB's role, which has no host; null where the statement names none.</summary>
    public static Account? Of(string statement)
    {
        if (Clause().Match(statement) is not { Success: true } match)
        {
            return null;
        }

        var account = match.Groups["account"].Value.Replace("`@`", "@", StringComparison.Ordinal);
        return account.Contains('@', StringComparison.Ordinal) ? Account.Parse(account) : new Account(account.Trim('`'), "");
    }

    /// <summary>The account as such a statement names it.</summary>
    public static string Quote(Account account) => account.Host.Length == 0 ? SqlText.QuoteIdentifier(account.User) : $"{SqlText.QuoteIdentifier(account.User)}@{SqlText.QuoteIdentifier(account.Host)}";

    /// <summary>The statement with none named, by which it runs as whoever sends it.</summary>
    public static string Without(string statement) => Clause().Replace(statement, "CREATE ", 1);

    [GeneratedRegex(@"^CREATE\s+DEFINER\s*=\s*(?<account>`(?:[^`]|``)*`@`(?:[^`]|``)*`|`(?:[^`]|``)*`|\S+)\s+", RegexOptions.IgnoreCase)]
    private static partial Regex Clause();
}
