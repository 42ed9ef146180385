using System.Text.RegularExpressions;
using Switchyard.Client;

namespace Switchyard.Replication.Target;

/// <summary>Why the target refuses rows, in words. A server's own message can hold their values; of it only names of columns and constraints are used.</summary>
internal static partial class RefusalText
{
    public static string Explain(ServerErrorException e) => e.Code switch
    {
        1062 or 1586 or 1022 => "another row has the same unique key: something else writes to the target, or its collation calls equal what the source's tells apart",
        1146 => "the table is missing on the target",
        1054 => "a column is missing on the target",
        1142 or 1044 or 1227 => "the account of the target lacks a privilege",
        1290 => "the target is read-only",
        1264 or 1265 or 1292 or 1366 or 1406 or 1411 or 4078 or 6136 or 6137 or 6138 =>
            $"{Column(e) ?? "a column"} there cannot hold the value exactly; give it a type on both sides that can, or correct the value on the source",
        1048 => $"{Column(e) ?? "a column"} there takes no NULL",
        1153 => "raise max_allowed_packet on the target",
        1451 or 1452 => "a foreign key of the target forbids it",
        3819 or 4025 => $"{Constraint(e) ?? "a CHECK constraint"} of the target forbids it, which the source has not enforced; correct the row on the source, or drop the check on the target",
        3140 or 3141 => $"{Column(e) ?? "a JSON column"} of the target takes no such JSON; correct the value on the source",
        3643 or 3617 or 3616 or 3548 => $"{Column(e) ?? "a spatial column"} of the target takes no such SRID or coordinates",
        _ => "see the target's documentation of that number",
    };

    private static string? Column(ServerErrorException e) =>
        ColumnName().Match(e.ServerMessage) is { Success: true } m && m.Groups["name"].Value is not "(null)" and var name ? $"the column {name}" : null;

    private static string? Constraint(ServerErrorException e) => ConstraintName().Match(e.ServerMessage) is { Success: true } m ? $"the CHECK {m.Groups["name"].Value}" : null;

    // "… for column 'c' at row 1" on MySQL, "… for column `s`.`t`.`c` at row 1" on MariaDB; "Column 'c' cannot be null". The last such place: a value could look like one.
    [GeneratedRegex(@"column (?:`(?:[^`]|``)*`\.`(?:[^`]|``)*`\.)?[`'](?<name>[^`']+)[`'](?: at row \d+| cannot be null|\.?)?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.RightToLeft)]
    private static partial Regex ColumnName();

    // "Check constraint 'c' is violated." on MySQL, "CONSTRAINT `c` failed for `s`.`t`" on MariaDB.
    [GeneratedRegex(@"^(?:Check constraint '|CONSTRAINT `)(?<name>[^'`]+)['`]", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex ConstraintName();
}
