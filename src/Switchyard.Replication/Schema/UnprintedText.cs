using System.Globalization;
using System.Text;
using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>What a server prints of a column with a question mark, as it really is.</summary>
/// <param name="Members">Of an ENUM or SET, all of them; null for other columns.</param>
/// <param name="Default">The default's bytes, text as UTF-8; null for none.</param>
internal sealed record ColumnText(IReadOnlyList<string>? Members, byte[]? Default);

/// <summary>
/// Servers print definitions in three-byte UTF-8, with a question mark for every other character (an emoji, say) and, in defaults of older ones, every byte that is none.
/// A temporary table with the same columns tells what they are.
/// </summary>
internal static class UnprintedText
{
    private const string Probe = "_switchyard_probe";

    // Servers can demand a key of every table.
    private const string Order = "`_switchyard_order`";
    private static readonly string[] s_wideSets = ["utf8mb4", "utf16", "utf16le", "utf32", "gb18030"];

    /// <summary>The columns whose printed members or default have a question mark, by name, with what stands there.</summary>
    /// <exception cref="ServerErrorException">The account may create no temporary tables, or the server failed.</exception>
    public static async Task<IReadOnlyDictionary<string, ColumnText>> ReadAsync(BackendConnection source, TableDefinition table, CancellationToken cancellationToken)
    {
        var doubtful = table.Columns.Where(c => IsDoubtful(table, c)).ToList();
        var found = new Dictionary<string, ColumnText>(StringComparer.OrdinalIgnoreCase);
        if (doubtful.Count == 0)
        {
            return found;
        }

        var probe = new TableName(table.Name.Schema, Probe).Quoted;
        await using var session = await ShowCreateSession.OpenAsync(source, cancellationToken).ConfigureAwait(false);
        await source.ExecuteAsync($"CREATE TEMPORARY TABLE {probe} ({Order} INT NOT NULL AUTO_INCREMENT PRIMARY KEY) SELECT {string.Join(", ", doubtful.Select(c => c.QuotedName))} FROM {table.Name.Quoted} WHERE 1=0", cancellationToken).ConfigureAwait(false);
        try
        {
            foreach (var column in doubtful)
            {
                found[column.Name] = await ReadColumnAsync(source, probe, column, ColumnTranslator.PrintedLiteral(table, column) is not null, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            if (source.IsUsable)
            {
                await source.GiveBackAsync($"DROP TEMPORARY TABLE IF EXISTS {probe}").ConfigureAwait(false);
            }
        }

        return found;
    }

    private static bool IsDoubtful(TableDefinition table, ColumnDefinition column)
    {
        var isList = column.Kind is ColumnKind.Enum or ColumnKind.Set;
        if (column.IsGenerated || !(column.Kind == ColumnKind.Binary || ((isList || column.Kind == ColumnKind.Text) && s_wideSets.Contains(column.CharacterSet))))
        {
            return false;
        }

        return (isList && column.ColumnType.Contains('?')) || ColumnTranslator.PrintedLiteral(table, column)?.Contains('?') == true;
    }

    private static async Task<ColumnText> ReadColumnAsync(BackendConnection source, string probe, ColumnDefinition column, bool hasDefault, CancellationToken cancellationToken)
    {
        var isList = column.Kind is ColumnKind.Enum or ColumnKind.Set;
        string Hex(string expression) => column.Kind != ColumnKind.Binary ? $"HEX(CONVERT({expression} USING utf8mb4))" : $"HEX({expression})";
        await source.ExecuteAsync($"DELETE FROM {probe}", cancellationToken).ConfigureAwait(false);
        var members = isList ? SqlTokens.Read(column.ColumnType).Count(t => t.Kind == SqlTokenKind.String) : 1;
        var values = Enumerable.Range(0, members).Select(i => !isList ? "(DEFAULT)" : $"({(column.Kind == ColumnKind.Enum ? (ulong)i + 1 : 1UL << i).ToString(CultureInfo.InvariantCulture)})");
        await source.ExecuteAsync($"INSERT INTO {probe} ({column.QuotedName}) VALUES {string.Join(',', values)}", cancellationToken).ConfigureAwait(false);
        var rows = await source.QueryAsync($"SELECT {Hex(column.QuotedName)}, {(hasDefault ? Hex($"DEFAULT({column.QuotedName})") : "NULL")} FROM {probe} ORDER BY {Order}", cancellationToken).ConfigureAwait(false);
        return new ColumnText(
            isList ? [.. rows.Rows.Select(r => Encoding.UTF8.GetString(Convert.FromHexString(r.GetString(0))))] : null,
            rows.Rows[0].GetStringOrNull(1) is { } bytes ? Convert.FromHexString(bytes) : null);
    }
}
