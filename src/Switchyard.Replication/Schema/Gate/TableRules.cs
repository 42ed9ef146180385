using Switchyard.Client;
using Switchyard.Replication.Values;

namespace Switchyard.Replication.Schema;

/// <summary>What one table must be like.</summary>
internal static class TableRules
{
    /// <summary>What of a table is not kept between these two servers.</summary>
    internal static IEnumerable<GateFinding> CheckPair(TableDefinition table, ServerInfo source, ServerInfo target)
    {
        if (source.IsMariaDb || target.IsMariaDb || table.Columns.FirstOrDefault(c => c.Kind == ColumnKind.Json && !c.IsGenerated) is not { } json)
        {
            yield break;
        }

        // The stream finds the types in the log; writing them is what an older server cannot do, and the copy cannot ask one.
        const string Lost = "dates, times, binary and unsigned integers put there by functions";
        const string ReadAs = "the strings and integers their text reads as";
        const string Kept = "Values that came as JSON text are kept as they are. If the application uses the others,";
        if (!TypedJson.IsReadBy(target))
        {
            yield return GateFinding.Warn(
                "json_types", $"{table.Name}.{json.Name}",
                $"The target is older than MySQL 8.0.21 and is given {json.Name} of {table.Name} as text, by copy and stream: {Lost} become {ReadAs}"
                + (TypedJson.IsReadBy(source) ? "." : ", on the way back too, since the source is older than that as well."),
                $"{Kept} choose a target from 8.0.21 on.");
        }
        else if (!TypedJson.IsReadBy(source))
        {
            yield return GateFinding.Warn(
                "json_types", $"{table.Name}.{json.Name}",
                $"The source is older than MySQL 8.0.21 and cannot be asked what scalars inside {json.Name} of {table.Name} are: {Lost} are copied as {ReadAs}, and written so on the way back after a switch.",
                $"{Kept} upgrade the source first.");
        }
    }

    internal static IEnumerable<GateFinding> Check(TableDefinition table)
    {
        var name = table.Name.ToString();
        if (!table.Engine.Equals("InnoDB", StringComparison.OrdinalIgnoreCase))
        {
            yield return GateFinding.Refuse(
                "engine", name, $"{name} is kept by {table.Engine}, which cannot be read at one exact position while it changes.",
                $"Run ALTER TABLE {table.Name.Quoted} ENGINE=InnoDB on the source, or exclude the table.");
        }

        if (table.Key is null)
        {
            yield return NoKey(table);
        }
        else if (table.KeyColumns.FirstOrDefault(c => c.Kind is ColumnKind.Float or ColumnKind.Double or ColumnKind.Json or ColumnKind.Geometry) is { } inexact)
        {
            yield return GateFinding.Refuse(
                "key_inexact", name, $"The key of {name} contains {inexact.Name}, a {inexact.DataType}, whose equality is not exact in statements.",
                "Add a unique key over integer, decimal, date or character columns, or exclude the table.");
        }

        foreach (var column in table.Columns.Where(c => ColumnKinds.Find(c.DataType) is null))
        {
            yield return GateFinding.Refuse(
                "type_unknown", $"{name}.{column.Name}", $"Column {column.Name} of {name} has the type {column.ColumnType}, which is not understood.",
                "Exclude the table, or change the column's type.");
        }

        // MariaDB marks columns in its own temporal formats of before 10.1 so; their fraction's length is not in the log.
        foreach (var column in table.Columns.Where(c => c.FractionalDigits > 0 && c.ColumnType.Contains("mariadb-5.3", StringComparison.Ordinal)))
        {
            yield return GateFinding.Refuse(
                "old_temporal", $"{name}.{column.Name}", $"Column {column.Name} of {name} keeps fractional seconds in MariaDB's old format, which the binary log does not describe.",
                $"Run SET GLOBAL mysql56_temporal_format=ON and ALTER TABLE {table.Name.Quoted} FORCE on the source.");
        }

        foreach (var column in table.Columns.Where(c => c.ColumnType.StartsWith("year(2)", StringComparison.OrdinalIgnoreCase)))
        {
            yield return GateFinding.Refuse(
                "year_two_digits", $"{name}.{column.Name}", $"Column {column.Name} of {name} is YEAR(2), which prints two of a year's four digits and is gone from MySQL; what is read of it is not what it holds.",
                $"Run ALTER TABLE {table.Name.Quoted} MODIFY {FourDigits(table, column)} on the source.");
        }

        if (table.IsSystemVersioned)
        {
            yield return GateFinding.Refuse(
                "system_versioned", name, $"{name} keeps history rows (WITH SYSTEM VERSIONING), which cannot be copied with their times.",
                $"Exclude it, or run ALTER TABLE {table.Name.Quoted} DROP SYSTEM VERSIONING on the source if the history is not needed.");
        }

        if (table.Columns.FirstOrDefault(c => c is { IsInvisible: true, IsAutoIncrement: true, Name: "my_row_id" }) is not null)
        {
            yield return GateFinding.Info(
                "generated_invisible_key", name, $"{name} has a generated invisible primary key (my_row_id); it is moved like any other column.");
        }
    }

    /// <summary>A column as the source prints it: what MODIFY leaves out is lost.</summary>
    private static string Printed(TableDefinition table, ColumnDefinition column) =>
        table.CreateStatement.Split('\n').Select(l => l.Trim().TrimEnd(',')).First(l => l.StartsWith(column.QuotedName + " ", StringComparison.OrdinalIgnoreCase));

    private static string FourDigits(TableDefinition table, ColumnDefinition column) =>
        Printed(table, column).Replace($"{column.QuotedName} year(2)", $"{column.QuotedName} year(4)", StringComparison.OrdinalIgnoreCase);

    /// <summary>The same, but for NULL.</summary>
    private static string NotNull(TableDefinition table, ColumnDefinition column)
    {
        var printed = Printed(table, column);
        foreach (var (nullable, strict) in new[] { (" NULL DEFAULT NULL", " NOT NULL"), (" DEFAULT NULL", " NOT NULL"), (" NULL DEFAULT ", " NOT NULL DEFAULT "), (" DEFAULT ", " NOT NULL DEFAULT "), (" COMMENT ", " NOT NULL COMMENT ") })
        {
            if (printed.IndexOf(nullable, StringComparison.Ordinal) is >= 0 and var at)
            {
                return printed[..at] + strict + printed[(at + nullable.Length)..];
            }
        }

        return printed + " NOT NULL";
    }

    private static GateFinding NoKey(TableDefinition table)
    {
        var name = table.Name.ToString();
        var nullable = table.Indexes.FirstOrDefault(i => i.IsUnique && i.Kind == IndexKind.BTree && i.Parts.All(p => p is { Column: not null, PrefixLength: null }));
        var primary = table.Indexes.FirstOrDefault(i => i.IsPrimary && i.Parts.Any(p => p.PrefixLength is not null));
        var remedy = nullable is not null
            ? $"Its unique key {nullable.Name} would do if its columns refused NULL: run ALTER TABLE {table.Name.Quoted} "
                + string.Join(", ", nullable.Columns.Select(c => table.Columns.First(d => d.Name == c)).Where(c => c.IsNullable).Select(c => $"MODIFY {NotNull(table, c)}")) + " on the source."
            : $"Run ALTER TABLE {table.Name.Quoted} ADD COLUMN row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT {(primary is null ? "PRIMARY KEY" : "UNIQUE KEY")} on the source, or exclude the table.";
        var what = primary is null
            ? "no primary key and no unique key without NULLs"
            : $"no unique key of whole columns without NULLs (its primary key has only the beginning of {string.Join(", ", primary.Parts.Where(p => p.PrefixLength is not null).Select(p => p.Column))})";
        return GateFinding.Refuse("no_key", name, $"{name} has {what}, so that a row cannot be named.", remedy);
    }
}
