using System.Text;
using System.Text.Unicode;
using Switchyard.Binlog;
using Switchyard.Wire;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// How a logged statement reads: its bytes are in its client's character set. Servers log some statements in words of their own, which are UTF-8 whatever the
/// event says, so bytes that are UTF-8 are read so as well.
/// </summary>
internal static class StatementText
{
    /// <summary>Whether some of the bytes are not ASCII and not known to be UTF-8.</summary>
    public static bool IsForeign(QueryEvent query) =>
        query.ClientCharsetId is { } id && query.Sql.Span.ContainsAnyExceptInRange((byte)0, (byte)127) && !CharacterSets.IsUtf8(id);

    /// <summary>The ways to read a statement in another character set than UTF-8; none when its own is not known here and it is not UTF-8.</summary>
    public static IReadOnlyList<string> ReadForeign(QueryEvent query)
    {
        var readings = new List<string>();
        if (CharacterSets.Find(query.ClientCharsetId ?? 0) is { IsSingleByte: true } encoding)
        {
            // Of those with several bytes a letter some hold the bytes of quotes, and no two tables of them are the same.
            readings.Add(encoding.GetString(query.Sql.Span));
        }

        if (Utf8.IsValid(query.Sql.Span))
        {
            readings.Add(query.SqlText);
        }

        return readings;
    }
}
