using System.Globalization;
using System.Text.RegularExpressions;
using Switchyard.Client;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// Comments that servers from a version on read as part of a statement. Sources: <c>sql_lex.cc</c> of both vendors; MariaDB passes over what MySQL put there
/// from 5.7 on, and MySQL over what is MariaDB's.
/// </summary>
internal static partial class VersionComments
{
    private const int FirstMySqlOnly = 50_700;
    private const int LastMySqlOnly = 99_999;

    /// <summary>The beginning of a comment that one of the servers reads and the other passes over; null for none.</summary>
    public static string? FindApart(string sql, ServerInfo source, ServerInfo target) =>
        Opening().Matches(sql).FirstOrDefault(m => IsRead(m, source) != IsRead(m, target))?.Value;

    private static bool IsRead(Match comment, ServerInfo server)
    {
        if (comment.Groups["mariadb"].Length > 0 && !server.IsMariaDb)
        {
            return false;
        }

        if (comment.Groups["version"] is not { Length: > 0 } digits)
        {
            return true;
        }

        var version = int.Parse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
        return version <= (server.Version.Major * 10_000) + (server.Version.Minor * 100) + server.Version.Build
            && !(server.IsMariaDb && comment.Groups["mariadb"].Length == 0 && version is >= FirstMySqlOnly and <= LastMySqlOnly);
    }

    [GeneratedRegex(@"/\*(?<mariadb>M?)!(?<version>\d{5,6})?", RegexOptions.CultureInvariant)]
    private static partial Regex Opening();
}
