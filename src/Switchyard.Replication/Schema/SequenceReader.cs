using System.Text.RegularExpressions;
using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>A table that takes a column's default from a sequence.</summary>
internal sealed record SequenceUse(TableName Table, TableName Sequence);

/// <summary>MariaDB's SEQUENCE objects, which are listed among the tables and hold one row of settings.</summary>
public static partial class SequenceReader
{
    /// <summary>Sequences of a schema by name; none on servers that have no such thing.</summary>
    internal static async Task<IReadOnlyList<TableName>> ListAsync(BackendConnection server, string schema, CancellationToken cancellationToken)
    {
        var names = await server.QueryAsync(
            $"SELECT table_name FROM information_schema.tables WHERE table_schema={SqlText.QuoteString(schema)} AND table_type='SEQUENCE' ORDER BY table_name", cancellationToken).ConfigureAwait(false);
        return [.. names.Rows.Select(row => new TableName(schema, row.GetString(0)))];
    }

    /// <summary>The sequences of a schema that are named, or that named tables take their defaults from, by name.</summary>
    /// <exception cref="ServerErrorException">The server refused a query.</exception>
    public static async Task<IReadOnlyList<TableName>> ListMovingAsync(BackendConnection server, string schema, IReadOnlyCollection<string> named, CancellationToken cancellationToken)
    {
        var used = (await ListUsesAsync(server, schema, cancellationToken).ConfigureAwait(false)).Where(u => named.Contains(u.Table.Name)).Select(u => u.Sequence).ToHashSet();
        return [.. (await ListAsync(server, schema, cancellationToken).ConfigureAwait(false)).Where(s => used.Contains(s) || named.Contains(s.Name))];
    }

    /// <summary>Which tables of a schema take defaults from which sequences, of whatever schema.</summary>
    internal static async Task<IReadOnlyList<SequenceUse>> ListUsesAsync(BackendConnection server, string schema, CancellationToken cancellationToken)
    {
        if (!server.Server.IsMariaDb)
        {
            return [];
        }

        var defaults = await server.QueryAsync(
            $"SELECT table_name, column_default FROM information_schema.columns WHERE table_schema={SqlText.QuoteString(schema)} AND column_default LIKE '%val(%'", cancellationToken).ConfigureAwait(false);
        return
        [
            .. defaults.Rows.SelectMany(row => Uses().Matches(row.GetString(1)).Select(use => new SequenceUse(
                new TableName(schema, row.GetString(0)), new TableName(Unquote(use.Groups["schema"].Value), Unquote(use.Groups["name"].Value))))).Distinct(),
        ];
    }

    /// <summary>The statement that creates a sequence on another server where it is missing. It begins at its first value; a switch sets it on.</summary>
    internal static async Task<string> ReadStatementAsync(BackendConnection source, TableName sequence, ServerInfo target, CancellationToken cancellationToken)
    {
        var shown = (await source.QueryAsync($"SHOW CREATE SEQUENCE {sequence.Quoted}", cancellationToken).ConfigureAwait(false)).GetString(0, 1);
        var settings = Settings().Match(shown);
        if (!settings.Success)
        {
            throw new ReplicationException($"The source shows the sequence {sequence} in a form that is not understood: {shown}");
        }

        // Types came with 11.5; the limits that are always shown say the same of every type but an unsigned one.
        var type = target.IsAtLeast(ServerVendor.MariaDb, 11, 5) ? settings.Groups["type"].Value : "";
        return $"CREATE SEQUENCE IF NOT EXISTS {sequence.Quoted}{type} {settings.Groups["rest"].Value}";
    }

    private static string Unquote(string name) => name.Replace("``", "`", StringComparison.Ordinal);

    // As information_schema prints them, whichever way they were written.
    [GeneratedRegex(@"\b(?:next|last|set)val\(`(?<schema>(?:[^`]|``)*)`\.`(?<name>(?:[^`]|``)*)`", RegexOptions.CultureInvariant | RegexOptions.IgnoreCase)]
    private static partial Regex Uses();

    [GeneratedRegex("^CREATE SEQUENCE `(?:[^`]|``)*`(?<type> as [a-z ]+?)? (?<rest>start with .*)$", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Settings();
}
