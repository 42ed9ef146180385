using System.Globalization;
using System.Text;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

/// <summary>
/// Names as servers write them in file names and in InnoDB's lists: letters, digits and underscores as they are, what else ASCII has by its number. Letters beyond ASCII have
/// codes of their own there, which are not known here. See https://dev.mysql.com/doc/refman/8.4/en/identifier-mapping.html.
/// </summary>
internal static class FileName
{
    /// <summary><c>schema/table</c>; null when it has other letters.</summary>
    public static string? Of(TableName table) => Of(table.Schema) is { } schema && Of(table.Name) is { } name ? $"{schema}/{name}" : null;

    /// <summary>One name; null when it has other letters.</summary>
    public static string? Of(string name)
    {
        if (name.All(IsPlain))
        {
            return name;
        }

        var text = new StringBuilder(name.Length + 8);
        foreach (var character in name)
        {
            if (!char.IsAscii(character))
            {
                return null;
            }

            _ = IsPlain(character) ? text.Append(character) : text.Append(CultureInfo.InvariantCulture, $"@{(int)character:x4}");
        }

        return text.ToString();
    }

    private static bool IsPlain(char character) => char.IsAsciiLetterOrDigit(character) || character == '_';
}
