using System.Text;
using System.Text.Unicode;
using Switchyard.Binlog;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// How a logged statement reads: its bytes are in its client's character set. Servers log some statements in words of their own, which are UTF-8 whatever the
/// event says, so bytes that are UTF-8 are read so as well.
/// </summary>
internal static class StatementText
{
    // MariaDB numbers a collation without padding as its sibling with it, and this much.
    private const int NoPad = 0x400;

    // From here on MariaDB has the uca1400 collations, of Unicode character sets alone; MySQL has nothing.
    private const int FirstUca1400 = 0x800;

    /// <summary>Whether some of the bytes are not ASCII and not known to be UTF-8.</summary>
    public static bool IsForeign(QueryEvent query) =>
        query.ClientCharsetId is { } id && query.Sql.Span.ContainsAnyExceptInRange((byte)0, (byte)127) && !IsUtf8(id);

    /// <summary>The ways to read a statement in another character set than UTF-8; none when its own is not known here and it is not UTF-8.</summary>
    public static IReadOnlyList<string> ReadForeign(QueryEvent query)
    {
        var readings = new List<string>();
        if (FindCodePage(query.ClientCharsetId ?? 0) is { } codePage)
        {
            readings.Add(CodePagesEncodingProvider.Instance.GetEncoding(codePage)!.GetString(query.Sql.Span));
        }

        if (Utf8.IsValid(query.Sql.Span))
        {
            readings.Add(query.SqlText);
        }

        return readings;
    }

    // Ids of collations as INFORMATION_SCHEMA.COLLATIONS lists them. Names in a statement sent as binary are taken as UTF-8 by the server.
    private static bool IsUtf8(ushort id) =>
        id >= FirstUca1400 || WithPadding(id) is 33 or 45 or 46 or 63 or 76 or 83 or (>= 192 and <= 215) or (>= 223 and <= 247) or (>= 255 and <= 323) or (>= 576 and < NoPad);

    private static int? FindCodePage(ushort id) => WithPadding(id) switch
    {
        5 or 8 or 15 or 31 or 47 or 48 or 49 or 94 => 1252, // latin1
        2 or 9 or 21 or 27 or 77 => 28592, // latin2
        30 or 78 => 28599, // latin5
        20 or 41 or 42 or 79 => 28603, // latin7
        26 or 34 or 44 or 66 or 99 => 1250,
        14 or 23 or 50 or 51 or 52 => 1251,
        57 or 67 => 1256,
        29 or 58 or 59 => 1257,
        4 or 80 => 850,
        40 or 81 => 852,
        36 or 68 => 866,
        25 or 70 => 28597, // greek
        16 or 71 => 28598, // hebrew
        7 or 74 => 20866, // koi8r
        22 or 75 => 21866, // koi8u
        _ => null,
    };

    private static int WithPadding(ushort id) => id is >= NoPad and < FirstUca1400 ? id - NoPad : id;
}
