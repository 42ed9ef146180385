using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>The modes of <c>sql_mode</c> that a server knows.</summary>
public static class ServerModes
{
    private static readonly string[] s_onlyNewMySql = ["TIME_TRUNCATE_FRACTIONAL"];
    private static readonly string[] s_onlyMariaDb = ["EMPTY_STRING_IS_NULL", "SIMULTANEOUS_ASSIGNMENT", "TIME_ROUND_FRACTIONAL", "IGNORE_BAD_TABLE_OPTIONS"];
    private static readonly string[] s_gone =
    [
        "NO_AUTO_CREATE_USER", "DB2", "MAXDB", "MSSQL", "MYSQL323", "MYSQL40", "ORACLE", "POSTGRESQL", "NO_FIELD_OPTIONS", "NO_KEY_OPTIONS", "NO_TABLE_OPTIONS",
    ];

    /// <summary>Those of a list, with commas between, that the server takes; it refuses the whole list for one that it does not know.</summary>
    public static string Supported(ServerInfo server, string modes)
    {
        ArgumentNullException.ThrowIfNull(server);
        ArgumentNullException.ThrowIfNull(modes);
        string[] unknown = server.IsMariaDb ? s_onlyNewMySql : server.Version.Major >= 8 ? [.. s_gone, .. s_onlyMariaDb] : [.. s_onlyMariaDb, .. s_onlyNewMySql];
        return string.Join(',', modes.Split(',', StringSplitOptions.RemoveEmptyEntries).Except(unknown, StringComparer.OrdinalIgnoreCase));
    }
}
