using Switchyard.Client;
using Switchyard.Sql;
using Switchyard.Wire;

namespace Switchyard.Proxy.Backends;

/// <summary>How a session's server and settings change the reading of its statements.</summary>
internal static class ScanOptionsExtensions
{
    public static ScanOptions OnServer(this ScanOptions options, ServerInfo server) => options with
    {
        MariaDb = server.IsMariaDb,
        ServerVersion = (server.Version.Major * 10_000) + (server.Version.Minor * 100) + server.Version.Build,
    };

    public static ScanOptions WithSqlMode(this ScanOptions options, string sqlMode)
    {
        var modes = sqlMode.Split(',');
        bool Has(string mode) => modes.Contains(mode, StringComparer.OrdinalIgnoreCase);

        // Combinations stand for several modes; a server shows them spelled out, a client may set them by their one name.
        var isCombined = Has("ANSI") || Has("ORACLE") || Has("DB2") || Has("MAXDB") || Has("MSSQL") || Has("POSTGRESQL");
        return options with
        {
            AnsiQuotes = isCombined || Has("ANSI_QUOTES"),
            NoBackslashEscapes = Has("NO_BACKSLASH_ESCAPES"),
            IgnoreSpace = options.IgnoreSpace || isCombined || Has("IGNORE_SPACE"),
            OracleMode = options.MariaDb && Has("ORACLE"),
        };
    }

    public static ScanOptions WithClientCharacterSet(this ScanOptions options, string characterSet) => options with
    {
        AsciiUnsafeCharacterSet = characterSet.ToLowerInvariant() is "big5" or "cp932" or "gbk" or "gb18030" or "sjis",
        SymbolsAreLetters = characterSet.Equals("swe7", StringComparison.OrdinalIgnoreCase),
        HardSpace = characterSet.ToLowerInvariant() switch
        {
            "armscii8" or "cp1250" or "dec8" or "geostd8" or "greek" or "hebrew" or "latin1" or "latin2" or "latin5" or "latin7" => 0xA0,
            "cp852" or "cp866" or "keybcs2" => 0xFF,
            _ => 0,
        },
        Encoding = CharacterSets.Find(characterSet),
    };
}
