using Switchyard.Client;

namespace Switchyard.Replication.Values;

internal static class CharacterSets
{
    /// <summary>One name for one character set: older servers call utf8mb3 utf8.</summary>
    public static string Canonical(string charset) =>
        charset.ToLowerInvariant() is var name && name == "utf8" ? "utf8mb3" : name;

    /// <summary>The name a server knows the character set by. utf8mb3 became its own name with MySQL 8.0.24 and MariaDB 10.6.</summary>
    public static string NameOn(ServerInfo server, string charset)
    {
        var name = Canonical(charset);
        var knowsUtf8Mb3 = server.Vendor == ServerVendor.MariaDb
            ? server.Version >= new Version(10, 6)
            : server.Version >= new Version(8, 0, 24);
        return name == "utf8mb3" && !knowsUtf8Mb3 ? "utf8" : name;
    }

    public static bool Same(string? left, string? right) =>
        left is not null && right is not null && string.Equals(Canonical(left), Canonical(right), StringComparison.Ordinal);

    /// <summary>False for character sets in which a quote or backslash byte can be part of a longer character.</summary>
    public static bool IsSafeInQuotes(string charset) => Canonical(charset) switch
    {
        "big5" or "cp932" or "gb18030" or "gb2312" or "gbk" or "sjis" or "ujis" or "eucjpms" or "euckr"
            or "ucs2" or "utf16" or "utf16le" or "utf32" => false,
        _ => true,
    };
}
