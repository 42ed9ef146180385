using System.Text;

namespace Switchyard.Sql.Tests;

/// <summary>Says an info in one line, every property of it, so that two are equal when their lines are.</summary>
internal static class Describe
{
    public static readonly ScanOptions MySql = new() { ServerVersion = 80036, MultiStatements = true };
    public static readonly ScanOptions MariaDb = new() { ServerVersion = 101119, MariaDb = true, MultiStatements = true };

    public static StatementInfo Scan(string sql, ScanOptions options) => SqlScanner.Scan(Encoding.UTF8.GetBytes(sql), options);

    /// <summary>Kind, then what stands out: plain, tables as R:, L: or W:, ? for unknown tables, effects, user variables, session variables, schema, KILL target.</summary>
    public static string Line(StatementInfo info)
    {
        var line = new StringBuilder().Append(info.Kind);
        if (info.Kind == StatementKind.Multiple)
        {
            line.Append('(').AppendJoin(" ; ", info.Statements.Select(Line)).Append(')');
            return line.ToString();
        }

        line.Append(info.IsPlainRead ? " plain" : "");
        foreach (var table in info.Tables)
        {
            line.Append(' ').Append(table.Access.ToString()[0]).Append(':').Append(table.Schema is null ? "" : table.Schema + ".").Append(table.Name);
        }

        line.Append(info.TablesKnown ? "" : " ?");
        if (info.Effects != SessionEffects.None)
        {
            line.Append(" {").Append(info.Effects).Append('}');
        }

        foreach (var variable in info.UserVariables)
        {
            line.Append(" @").Append(variable).Append(info.AssignedUserVariables.Contains(variable) ? "=" : "");
        }

        foreach (var variable in info.SessionVariables)
        {
            line.Append(" @@").Append(variable);
        }

        line.Append(info.UseSchema is null ? "" : " use:" + info.UseSchema);
        line.Append(info.KillTarget is { } kill ? $" kill:{(kill.QueryOnly ? "query " : "")}{kill.ConnectionId?.ToString() ?? "?"}@{kill.Start}+{kill.Length}" : "");
        line.Append(info.KilledUser is { } whose ? $" kill:{(whose.QueryOnly ? "query " : "")}user {whose.Name}{(whose.HasHost ? "@" : "")}" : "");
        return line.Append(info.HasHints ? " hints" : "").ToString();
    }

    /// <summary>As <see cref="Line"/>, with what it leaves out of several statements.</summary>
    public static string Everything(StatementInfo info) =>
        $"{Line(info)} count {info.StatementCount} plain {info.IsPlainRead} known {info.TablesKnown} tables {string.Join(',', info.Tables)} effects {info.Effects} "
        + $"variables {string.Join(',', info.UserVariables)} assigned {string.Join(',', info.AssignedUserVariables)} session {string.Join(',', info.SessionVariables)} "
        + $"unlisted in {string.Join(',', info.UnlistedIn)} qualifiers {string.Join(',', info.Qualifiers)} use {info.UseSchema} hints {info.HasHints}";

    /// <summary>Rows "statement => line", one per line; a backslash at a line's end joins it with the next; empty lines and lines that begin with -- // are left out.</summary>
    public static IEnumerable<object[]> Rows(string table)
    {
        foreach (var row in table.Replace("\\\n", "", StringComparison.Ordinal).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (row.StartsWith("-- //", StringComparison.Ordinal))
            {
                continue;
            }

            var arrow = row.LastIndexOf(" => ", StringComparison.Ordinal);
            yield return [row[..arrow].TrimEnd(), row[(arrow + 4)..].Trim()];
        }
    }

    /// <summary>All lines that differ, in one message.</summary>
    public static void AssertRows(string table, ScanOptions options)
    {
        var wrong = new StringBuilder();
        var count = 0;
        foreach (var row in Rows(table))
        {
            count++;
            var (sql, expected) = ((string)row[0], (string)row[1]);
            var actual = Line(Scan(sql.Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\t", "\t", StringComparison.Ordinal), options));
            if (actual != expected)
            {
                wrong.Append('\n').Append(sql).Append("\n    expected ").Append(expected).Append("\n    actual   ").Append(actual);
            }
        }

        Assert.True(count > 0 && wrong.Length == 0, wrong.ToString());
    }
}
