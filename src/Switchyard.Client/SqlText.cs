using System.Text;

namespace Switchyard.Client;

/// <summary>Writes names and texts into SQL so that nothing in them is taken for SQL.</summary>
public static class SqlText
{
    /// <summary>A name in backticks.</summary>
    public static string QuoteIdentifier(string name) => "`" + name.Replace("`", "``", StringComparison.Ordinal) + "`";

    /// <summary>A schema's object: both names in backticks.</summary>
    public static string QuoteIdentifier(string schema, string name) => QuoteIdentifier(schema) + "." + QuoteIdentifier(name);

    /// <summary>
    /// A text in single quotes, for sessions whose <c>sql_mode</c> has no <c>NO_BACKSLASH_ESCAPES</c> and whose character set is an
    /// ASCII superset in which no character's later bytes are ASCII (utf8mb4, latin1, binary).
    /// </summary>
    public static string QuoteString(string text)
    {
        var quoted = new StringBuilder(text.Length + 2).Append('\'');
        foreach (var c in text)
        {
            _ = c switch
            {
                '\0' => quoted.Append("\\0"),
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\x1A' => quoted.Append("\\Z"),
                '\\' => quoted.Append("\\\\"),
                '\'' => quoted.Append("''"),
                _ => quoted.Append(c),
            };
        }

        return quoted.Append('\'').ToString();
    }
}
