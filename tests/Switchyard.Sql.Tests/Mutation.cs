namespace Switchyard.Sql.Tests;

/// <summary>Statements with a few pieces taken out, doubled or put in.</summary>
internal static class Mutation
{
    private static readonly string[] s_pieces =
    [
        "(", ")", ",", ";", "'", "\"", "`", "/*", "*/", "/*!", "/*!50000 ", "/*!99999 ", "/*M!100100 ", "--", "-- ", "#", "\\", "@", "@@", "@a", ":=", ".", "..", "0x", "1e", "$$", "\0", "{", "}",
        "SELECT", "FROM", "WHERE", "FOR UPDATE", "INTO", "UNION", "WITH", "AS", "ON", "JOIN", "LEFT", "SET", "VALUES", "TABLE", "BEGIN", "END", "CALL", "f(", "GET_LOCK(", "NEXT VALUE FOR",
        "ON DUPLICATE KEY UPDATE", "PARTITION (", "FOR SYSTEM_TIME", "LATERAL", "é", "\u00FF", "1", "'x'", "t", "NULL", "WINDOW", "OFFSET", "RETURNING", "EXPLAIN", "ANALYZE", "USING", "DUAL",
    ];

    public static string Of(string sql, Func<int, int> next, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var at = next(sql.Length + 1);
            var length = Math.Min(next(12), sql.Length - at);
            sql = next(5) switch
            {
                0 => sql.Remove(at, length),
                1 => sql.Insert(at, sql.Substring(at, length)),
                2 => sql[..at] + s_pieces[next(s_pieces.Length)] + sql[(at + length)..],
                _ => sql.Insert(at, " " + s_pieces[next(s_pieces.Length)] + " "),
            };
        }

        return sql;
    }
}
