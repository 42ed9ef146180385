using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// Whether rows changed by a statement that is logged as text may be those of a stream's tables. What it names is not all it changes: a view, a trigger or a function
/// does so behind it. Asks the server for those only when such a statement comes.
/// </summary>
internal sealed class ChangeReach(ConnectionOptions server, StreamTables tables, TemporaryTables temporaries)
{
    private static readonly string[] s_actors = ["VIEW", "TRIGGER", "FUNCTION", "PACKAGE"];

    private Objects? _objects;

    /// <summary>
    /// Takes a change for nothing when it is sure to be one of other tables, and so whatever is done to a session's temporary tables; one that calls a function while it fills a new table for a change.
    /// Statements in the log's order.
    /// </summary>
    /// <exception cref="BackendUnavailableException">The server cannot be reached.</exception>
    /// <exception cref="ServerErrorException">The server refused.</exception>
    public async ValueTask<DdlStatement> JudgeAsync(QueryEvent query, DdlStatement statement, CancellationToken cancellationToken)
    {
        var isTemporary = temporaries.Take(query, statement);
        if (statement.Kind is not (DdlKind.None or DdlKind.Savepoint or DdlKind.Change) || (statement.Kind != DdlKind.Change && s_actors.Any(statement.Has)))
        {
            _objects = null;
        }

        // A DROP TABLE that meets temporary tables is logged as one of those, and carries the flag in any case.
        if (!isTemporary && statement.Kind is DdlKind.Alter or DdlKind.Truncate or DdlKind.Rename && temporaries.MayBeUnknown(query))
        {
            statement = statement with { MayBeTemporary = true };
        }

        var fills = statement.Kind is DdlKind.None or DdlKind.Create && statement.Verb is DdlParser.CreateTemporary or DdlParser.CreateTable && statement.Has("SELECT");
        if (statement.IsUnreadable || !(isTemporary || fills || statement.Kind == DdlKind.Change))
        {
            return statement;
        }

        if (isTemporary || fills)
        {
            // Triggers are of lasting tables, and a view or table that is only read changes nothing.
            var calls = (fills || statement.Kind == DdlKind.Change) && (await ReadOnceAsync(cancellationToken).ConfigureAwait(false)).Functions.Any(f => Names(statement, f));
            return calls ? statement with { Kind = DdlKind.Change } : isTemporary ? statement with { Kind = DdlKind.None } : statement;
        }

        if (tables.All.Any(t => Names(statement, t.Name)))
        {
            return statement;
        }

        return Reaches(statement, await ReadOnceAsync(cancellationToken).ConfigureAwait(false)) ? statement : statement with { Kind = DdlKind.None };
    }

    /// <summary>The server has started again, up to here in its log.</summary>
    public void EndSessions(BinlogPosition at) => temporaries.EndAll(at);

    private bool Reaches(DdlStatement statement, Objects objects) =>
        objects.Actors.Concat(objects.Functions).Any(a => Names(statement, a))
        || ((tables.HasSchema(statement.DefaultSchema) || statement.Words.Any(tables.HasSchema)) && !(statement.Into is { } into && objects.Tables.Contains(into)));

    private static bool Names(DdlStatement statement, TableName name) =>
        statement.Has(name.Name) && (statement.Has(name.Schema) || name.Schema.Equals(statement.DefaultSchema, StringComparison.OrdinalIgnoreCase));

    private async ValueTask<Objects> ReadOnceAsync(CancellationToken cancellationToken) => _objects ??= await ReadAsync(cancellationToken).ConfigureAwait(false);

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
            [.. found.Rows.Where(r => r.GetInt64(2) == 0).Concat(triggers.Rows).Select(Name)],
            [.. functions.Rows.Select(Name)]);

        static TableName Name(QueryRow row) => new(row.GetString(0), row.GetString(1));
    }

    /// <param name="Tables">Tables of the server.</param>
    /// <param name="Actors">What changes other rows than those of the table that is named: views, tables with triggers.</param>
    /// <param name="Functions">What changes rows where it is called.</param>
    private sealed record Objects(HashSet<TableName> Tables, IReadOnlyList<TableName> Actors, IReadOnlyList<TableName> Functions);
}
