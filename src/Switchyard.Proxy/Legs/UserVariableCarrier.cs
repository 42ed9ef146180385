using Switchyard.Client;
using Switchyard.Proxy.Sessions;

namespace Switchyard.Proxy.Legs;

/// <summary>Carries user variables with their exact type: integer with sign, decimal, double, or text with character set and collation.</summary>
internal static class UserVariableCarrier
{
    private const int ColumnsPerVariable = 4;

    public static async Task CarryAsync(
        BackendLeg from, BackendLeg to, string[] names, List<(string, string)> failures, CancellationToken cancellationToken)
    {
        var list = string.Join(", ", names.Select(name =>
        {
            var variable = Quote(name);
            return $"{variable}, HEX({variable}), CHARSET({variable}), COLLATION({variable})";
        }));
        var row = await LegCommands.QueryAsync(from, "SELECT " + list, cancellationToken);
        var assignments = names.Select((name, i) => $"{Quote(name)} = {Value(row, i * ColumnsPerVariable, to)}");
        try
        {
            await LegCommands.QueryAsync(to, "SET " + string.Join(", ", assignments), cancellationToken);
        }
        catch (ServerErrorException exception)
        {
            failures.AddRange(names.Select(name => ("@" + name, exception.Message)));
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
