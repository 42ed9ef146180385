using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// Whether rows changed by a statement that is logged as text may be those of a stream's tables. What it names is not all it changes: a view, a trigger or a function
/// does so behind it. Asks the server for those only when such a statement comes.
/// </summary>
internal sealed class ChangeReach(ConnectionOptions server, StreamTables tables)
{
    private static readonly string[] s_modifiers = ["LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE", "INTO", "FROM"];
    private static readonly string[] s_actors = ["VIEW", "TRIGGER", "FUNCTION", "PACKAGE"];

    private Objects? _objects;

    /// <summary>Takes a change for nothing when it is sure to be one of other tables. Statements in the log's order.</summary>
    /// <exception cref="BackendUnavailableException">The server cannot be reached.</exception>
    /// <exception cref="ServerErrorException">The server refused.</exception>
    public async ValueTask<DdlStatement> JudgeAsync(DdlStatement statement, CancellationToken cancellationToken)
    {
        if (statement.Kind != DdlKind.Change)
        {
            if (statement.Kind is not (DdlKind.None or DdlKind.Savepoint) || s_actors.Any(statement.Has))
            {
                _objects = null;
            }

            return statement;
        }

        if (statement.IsUnreadable || tables.All.Any(t => Names(statement, t.Name)))
        {
            return statement;
        }

        _objects ??= await ReadAsync(cancellationToken).ConfigureAwait(false);
        return Reaches(statement, _objects) ? statement : statement with { Kind = DdlKind.None };
    }

    private bool Reaches(DdlStatement statement, Objects objects) =>
        objects.Actors.Any(a => Names(statement, a))
        || ((tables.HasSchema(statement.DefaultSchema) || statement.Words.Any(tables.HasSchema)) && !IsInto(statement, objects.Tables));

    private static bool Names(DdlStatement statement, TableName name) =>
        statement.Has(name.Name) && (statement.Has(name.Schema) || name.Schema.Equals(statement.DefaultSchema, StringComparison.OrdinalIgnoreCase));

    /// <summary>Whether the first table it writes is one of some.</summary>
    private static bool IsInto(DdlStatement statement, HashSet<TableName> tables)
    {
        var words = statement.Words;
        var next = words.FirstOrDefault()?.ToUpperInvariant() switch
        {
            "INSERT" or "REPLACE" or "UPDATE" or "DELETE" => 1,
            "LOAD" => words.TakeWhile(w => !w.Equals("TABLE", StringComparison.OrdinalIgnoreCase)).Count() + 1,
            _ => words.Count,
        };
        while (next < words.Count && s_modifiers.Contains(words[next], StringComparer.OrdinalIgnoreCase))
        {
            next++;
        }

        return next < words.Count
            && (tables.Contains(new TableName(statement.DefaultSchema, words[next])) || (next + 1 < words.Count && tables.Contains(new TableName(words[next], words[next + 1]))));
    }

    private async Task<Objects> ReadAsync(CancellationToken cancellationToken)
    {
        const string Ours = "NOT IN ('mysql','sys','information_schema','performance_schema')";
        var connection = await BackendConnection.OpenAsync(server with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var lease = connection.ConfigureAwait(false);
        var found = await connection.QueryAsync(
            $"SELECT table_schema, table_name, table_type IN ('BASE TABLE','SYSTEM VERSIONED') FROM information_schema.tables WHERE table_schema {Ours} AND table_type<>'SEQUENCE'", cancellationToken).ConfigureAwait(false);
        var triggers = await connection.QueryAsync(
            $"SELECT DISTINCT event_object_schema, event_object_table FROM information_schema.triggers WHERE event_object_schema {Ours}", cancellationToken).ConfigureAwait(false);
        // A procedure's statements are logged one by one, a function's as the call.
        var functions = await connection.QueryAsync(
            $"SELECT routine_schema, routine_name FROM information_schema.routines WHERE routine_schema {Ours} AND routine_type<>'PROCEDURE'", cancellationToken).ConfigureAwait(false);
        return new Objects(
            new HashSet<TableName>(found.Rows.Where(r => r.GetInt64(2) != 0).Select(Name), new TableNameComparer(ignoreCase: true)),
            [.. found.Rows.Where(r => r.GetInt64(2) == 0).Concat(triggers.Rows).Concat(functions.Rows).Select(Name)]);

        static TableName Name(QueryRow row) => new(row.GetString(0), row.GetString(1));
    }

    /// <param name="Tables">Tables of the server.</param>
    /// <param name="Actors">What changes other rows than those of the table that is named: views, tables with triggers, functions.</param>
    private sealed record Objects(HashSet<TableName> Tables, IReadOnlyList<TableName> Actors);
}
