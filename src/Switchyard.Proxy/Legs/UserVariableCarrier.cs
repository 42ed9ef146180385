using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Sessions;

namespace Switchyard.Proxy.Legs;

/// <summary>Carries user variables with their exact type: integer with sign, decimal, double, or text with character set and collation.</summary>
internal static class UserVariableCarrier
{
    private const int ColumnsPerVariable = 4;

    /// <param name="text">The session's character set, which both legs have by now; null is UTF-8.</param>
    public static async Task CarryAsync(
        BackendLeg from, BackendLeg to, string[] names, Encoding? text, List<(string, string)> failures, CancellationToken cancellationToken)
    {
        text ??= Encoding.UTF8;
        string[] variables = [.. names.SelectMany(name => Forms(name, text, TakesBytes(from.Server) && TakesBytes(to.Server)))];
        var list = string.Join(", ", variables.Select(variable => $"{variable}, HEX({variable}), CHARSET({variable}), COLLATION({variable})"));
        var row = await LegCommands.QueryAsync(from, text.GetBytes("SELECT " + list), cancellationToken);
        var assignments = variables.Select((variable, i) => $"{variable} = {Value(row, i * ColumnsPerVariable, to)}");
        try
        {
            await LegCommands.QueryAsync(to, text.GetBytes("SET " + string.Join(", ", assignments)), cancellationToken);
        }
        catch (ServerErrorException exception)
        {
            failures.AddRange(names.Select(name => ("@" + name, exception.Message)));
        }
    }

    /// <summary>Without quotes a name is the bytes it is written in, so that in another character set than UTF-8 it is another variable than with them. Later MySQLs refuse such names (3061).</summary>
    private static bool TakesBytes(ServerInfo server) => !server.IsAtLeast(ServerVendor.MySql, 5, 7);

    private static IEnumerable<string> Forms(string name, Encoding text, bool takesBytes)
    {
        yield return Quote(name);
        if (takesBytes && text != Encoding.UTF8 && !Ascii.IsValid(name) && name.All(letter => char.IsLetterOrDigit(letter) || letter is '_' or '$' or '.'))
        {
            yield return "@" + name;
        }
    }

    private static string Quote(string name) => "@`" + name.Replace("`", "``", StringComparison.Ordinal) + "`";

    private static string Value(LegResult row, int at, BackendLeg to)
    {
        var column = row.Columns[at];
        if (row.IsNull(0, at))
        {
            return "NULL";
        }

        var text = row.Text(0, at)!;
        if (column.IsInteger)
        {
            return column.IsUnsigned ? $"CAST({text} AS UNSIGNED)" : text;
        }

        if (column.IsFloating)
        {
            return text.Contains('e', StringComparison.OrdinalIgnoreCase) ? text : text + "e0";
        }

        if (column.IsDecimal)
        {
            return text.Contains('.', StringComparison.Ordinal) ? text : $"CAST({text} AS DECIMAL({Math.Max(1, text.Trim('-').Length)},0))";
        }

        var characterSet = VariableNames.CharacterSetOnServer(row.Text(0, at + 2)!, to.Server);
        var collation = VariableNames.CollationOnServer(row.Text(0, at + 3)!, to.Server);
        var hex = row.Text(0, at + 1);
        return characterSet == "binary" ? $"x'{hex}'" : $"_{characterSet} x'{hex}' COLLATE {collation}";
    }
}
