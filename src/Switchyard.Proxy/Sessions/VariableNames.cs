using Switchyard.Client;

namespace Switchyard.Proxy.Sessions;

/// <summary>The same setting under another server's name for it.</summary>
internal static class VariableNames
{
    /// <summary>Modes MySQL 8.0 removed; setting one there is an error, and without them it behaves as they asked or cannot.</summary>
    private static readonly HashSet<string> s_removedFromMySql = new(StringComparer.OrdinalIgnoreCase)
    {
        "NO_AUTO_CREATE_USER", "DB2", "MAXDB", "MSSQL", "MYSQL323", "MYSQL40", "ORACLE", "POSTGRESQL", "NO_FIELD_OPTIONS", "NO_KEY_OPTIONS", "NO_TABLE_OPTIONS",
    };

    /// <summary>utf8mb4_0900_ai_ci, MySQL 8's default; the others of the family follow.</summary>
    private const ushort FirstOf0900 = 255;

    /// <summary>utf8mb4_0900_bin.</summary>
    private const ushort Utf8Mb4Of0900Bin = 309;

    /// <summary>MariaDB's own, its NOPAD and UCA 14.0.0 families among them, are all above those of MySQL.</summary>
    private const ushort FirstOfMariaDb = 576;

    private const ushort Utf8Mb4Bin = 46;
    private const ushort Utf8Mb4UnicodeCi = 224;

    private static readonly HashSet<string> s_mariaDbOnly = new(StringComparer.OrdinalIgnoreCase)
    {
        "IGNORE_BAD_TABLE_OPTIONS", "SIMULTANEOUS_ASSIGNMENT", "EMPTY_STRING_IS_NULL", "TIME_ROUND_FRACTIONAL",
    };

    /// <summary>Isolation and read-only characteristics were renamed: MySQL 5.7.20 took the long names (8.0 dropped the short), MariaDB 11.1 added them.</summary>
    public static string OnServer(string name, ServerInfo server)
    {
        var hasLongNames = server.IsAtLeast(ServerVendor.MySql, 5, 7, 20) || server.IsAtLeast(ServerVendor.MariaDb, 11, 1, 1);
        return name switch
        {
            "tx_isolation" or "transaction_isolation" => hasLongNames ? "transaction_isolation" : "tx_isolation",
            "tx_read_only" or "transaction_read_only" => hasLongNames ? "transaction_read_only" : "tx_read_only",
            _ => name,
        };
    }

    public static string? ValueOnServer(string name, string? value, ServerInfo server) => value is null ? null : name switch
    {
        "sql_mode" => SqlModeOnServer(value, server),
        "character_set_client" or "character_set_connection" or "character_set_results" or "character_set_server" or "character_set_database" =>
            CharacterSetOnServer(value, server),
        "collation_connection" or "collation_server" or "collation_database" => CollationOnServer(value, server),
        _ => value,
    };

    /// <summary>MySQL 5.6 knows utf8mb3 by its old name only.</summary>
    public static string CharacterSetOnServer(string name, ServerInfo server) =>
        name == "utf8mb3" && !server.IsAtLeast(ServerVendor.MySql, 8, 0) && !server.IsAtLeast(ServerVendor.MariaDb, 10, 6) ? "utf8" : name;

    /// <summary>The same of a collation's number, which servers that do not know it take for their default, or refuse.</summary>
    public static ushort CollationIdOnServer(ushort id, ServerInfo server) => id switch
    {
        >= FirstOf0900 and < FirstOfMariaDb when !Has0900(server) => id == Utf8Mb4Of0900Bin ? Utf8Mb4Bin : Utf8Mb4UnicodeCi,
        >= FirstOfMariaDb when !server.IsMariaDb => Utf8Mb4UnicodeCi,
        _ => id,
    };

    /// <summary>The nearest collation the server has: MySQL's 0900 and MariaDB's uca1400 families exist on one side only.</summary>
    public static string CollationOnServer(string name, ServerInfo server)
    {
        if (name.StartsWith("utf8mb3_", StringComparison.Ordinal) && CharacterSetOnServer("utf8mb3", server) == "utf8")
        {
            return "utf8_" + name["utf8mb3_".Length..];
        }

        if (name.Contains("_0900_", StringComparison.Ordinal) && !Has0900(server))
        {
            return name.EndsWith("_bin", StringComparison.Ordinal) ? "utf8mb4_bin" : "utf8mb4_unicode_ci";
        }

        if (name.Contains("uca1400", StringComparison.Ordinal) && !server.IsAtLeast(ServerVendor.MariaDb, 10, 10))
        {
            return server.IsAtLeast(ServerVendor.MySql, 8, 0) ? "utf8mb4_0900_ai_ci" : "utf8mb4_unicode_ci";
        }

        return name;
    }

    /// <summary>MariaDB took over MySQL's family, numbers and all, with 11.4.5 and 11.7.2; a few languages of it are MySQL's alone.</summary>
    private static bool Has0900(ServerInfo server) =>
        server.IsAtLeast(ServerVendor.MySql, 8, 0) || server.IsAtLeast(ServerVendor.MariaDb, 11, 7, 2) || (server.IsAtLeast(ServerVendor.MariaDb, 11, 4, 5) && server.Version.Minor == 4);

    private static string SqlModeOnServer(string modes, ServerInfo server)
    {
        var kept = modes.Split(',', StringSplitOptions.RemoveEmptyEntries).Where(mode =>
            server.IsMariaDb
                ? !mode.Equals("TIME_TRUNCATE_FRACTIONAL", StringComparison.OrdinalIgnoreCase)
                : !s_mariaDbOnly.Contains(mode) && !(server.IsAtLeast(ServerVendor.MySql, 8, 0) && s_removedFromMySql.Contains(mode)));
        return string.Join(',', kept);
    }
}
