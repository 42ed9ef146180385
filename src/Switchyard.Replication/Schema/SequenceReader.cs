using System.Text.RegularExpressions;
using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>A table that takes values from a sequence.</summary>
/// <param name="Table">The table.</param>
/// <param name="Sequence">The sequence, of whatever schema.</param>
/// <param name="IsByTrigger">One of the table's triggers does, and not a column's default.</param>
internal sealed record SequenceUse(TableName Table, TableName Sequence, bool IsByTrigger);

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

    /// <summary>The sequences of a schema that are named, or that defaults and triggers of named tables use, by name.</summary>
    /// <exception cref="ServerErrorException">The server refused a query.</exception>
    public static async Task<IReadOnlyList<TableName>> ListMovingAsync(BackendConnection server, string schema, IReadOnlyCollection<string> named, CancellationToken cancellationToken)
    {
        var used = (await ListUsesAsync(server, schema, cancellationToken).ConfigureAwait(false)).Where(u => named.Contains(u.Table.Name)).Select(u => u.Sequence).ToHashSet();
        return [.. (await ListAsync(server, schema, cancellationToken).ConfigureAwait(false)).Where(s => used.Contains(s) || named.Contains(s.Name))];
    }

    /// <summary>Which tables of a schema use which sequences in defaults and triggers.</summary>
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
                new TableName(schema, row.GetString(0)), new TableName(Unquote(use.Groups["schema"].Value), Unquote(use.Groups["name"].Value)), IsByTrigger: false))).Distinct(),
            .. await ListTriggerUsesAsync(server, schema, cancellationToken).ConfigureAwait(false),
        ];
    }

    private static async Task<IReadOnlyList<SequenceUse>> ListTriggerUsesAsync(BackendConnection server, string schema, CancellationToken cancellationToken)
    {
        var triggers = await server.QueryAsync(
            $"SELECT event_object_table, action_statement, sql_mode FROM information_schema.triggers WHERE trigger_schema={SqlText.QuoteString(schema)} AND action_statement LIKE '%val%'", cancellationToken).ConfigureAwait(false);
        if (triggers.RowCount == 0)
        {
            return [];
        }

        // Bodies are kept as they were written: names in the writer's case, and calls of functions that only look like those of sequences.
        var comparer = await TableNameComparer.ReadAsync(server, cancellationToken).ConfigureAwait(false);
        var own = (await ListAsync(server, schema, cancellationToken).ConfigureAwait(false)).ToDictionary(s => s, comparer);
        var uses = new HashSet<SequenceUse>();
        foreach (var row in triggers.Rows)
        {
            foreach (var name in SequenceCalls.Find(row.GetString(1), schema, row.GetString(2)))
            {
                if (own.TryGetValue(name, out var listed) || !comparer.Strings.Equals(name.Schema, schema))
                {
                    uses.Add(new SequenceUse(new TableName(schema, row.GetString(0)), listed.Name is null ? name : listed, IsByTrigger: true));
                }
            }
        }

        return [.. uses];
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
