using System.Text.RegularExpressions;
using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>MariaDB's SEQUENCE objects, which are listed among the tables and hold one row of settings.</summary>
internal static partial class SequenceReader
{
    /// <summary>Sequences of a schema by name; none on servers that have no such thing.</summary>
    public static async Task<IReadOnlyList<TableName>> ListAsync(BackendConnection server, string schema, CancellationToken cancellationToken)
    {
        var names = await server.QueryAsync(
            $"SELECT table_name FROM information_schema.tables WHERE table_schema={SqlText.QuoteString(schema)} AND table_type='SEQUENCE' ORDER BY table_name", cancellationToken).ConfigureAwait(false);
        return [.. names.Rows.Select(row => new TableName(schema, row.GetString(0)))];
    }

    /// <summary>The statement that creates a sequence on another server where it is missing. It begins at its first value; a switch sets it on.</summary>
    public static async Task<string> ReadStatementAsync(BackendConnection source, TableName sequence, ServerInfo target, CancellationToken cancellationToken)
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

    [GeneratedRegex("^CREATE SEQUENCE `(?:[^`]|``)*`(?<type> as [a-z ]+?)? (?<rest>start with .*)$", RegexOptions.CultureInvariant | RegexOptions.Singleline)]
    private static partial Regex Settings();
}
