using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Schema;

/// <summary>Reads views, routines, triggers and events with everything needed to create them again elsewhere.</summary>
public static class SchemaObjectReader
{
    /// <summary>Views of a schema.</summary>
    public static Task<IReadOnlyList<SchemaObject>> ReadViewsAsync(BackendConnection connection, string schema, CancellationToken cancellationToken) =>
        ReadAsync(
            connection,
            SchemaObjectKind.View,
            schema,
            $"SELECT table_name AS name, definer AS definer, NULL AS object_table FROM information_schema.views WHERE table_schema = {SqlText.QuoteString(schema)} ORDER BY table_name",
            cancellationToken);

    /// <summary>Stored procedures and functions of a schema, and MariaDB's packages.</summary>
    public static async Task<IReadOnlyList<SchemaObject>> ReadRoutinesAsync(BackendConnection connection, string schema, CancellationToken cancellationToken)
    {
        static string Query(string schema, string type) =>
            "SELECT routine_name AS name, definer AS definer, NULL AS object_table FROM information_schema.routines "
            + $"WHERE routine_schema = {SqlText.QuoteString(schema)} AND routine_type = '{type}' ORDER BY routine_name";

        var functions = await ReadAsync(connection, SchemaObjectKind.Function, schema, Query(schema, "FUNCTION"), cancellationToken).ConfigureAwait(false);
        var procedures = await ReadAsync(connection, SchemaObjectKind.Procedure, schema, Query(schema, "PROCEDURE"), cancellationToken).ConfigureAwait(false);
        var packages = await ReadAsync(connection, SchemaObjectKind.Package, schema, Query(schema, "PACKAGE"), cancellationToken).ConfigureAwait(false);
        var bodies = await ReadAsync(connection, SchemaObjectKind.PackageBody, schema, Query(schema, "PACKAGE BODY"), cancellationToken).ConfigureAwait(false);
        return [.. functions, .. procedures, .. packages, .. bodies];
    }

    /// <summary>Triggers on the tables of a schema, in the order in which they fire.</summary>
    public static Task<IReadOnlyList<SchemaObject>> ReadTriggersAsync(BackendConnection connection, string schema, CancellationToken cancellationToken) =>
        ReadAsync(
            connection,
            SchemaObjectKind.Trigger,
            schema,
            "SELECT trigger_name AS name, definer AS definer, event_object_table AS object_table FROM information_schema.triggers "
            + $"WHERE trigger_schema = {SqlText.QuoteString(schema)} ORDER BY event_object_table, event_manipulation, action_timing, action_order, created",
            cancellationToken);

    /// <summary>Scheduled events of a schema.</summary>
    public static Task<IReadOnlyList<SchemaObject>> ReadEventsAsync(BackendConnection connection, string schema, CancellationToken cancellationToken) =>
        ReadAsync(
            connection,
            SchemaObjectKind.Event,
            schema,
            "SELECT event_name AS name, definer AS definer, NULL AS object_table, status AS status, time_zone AS zone FROM information_schema.events "
            + $"WHERE event_schema = {SqlText.QuoteString(schema)} ORDER BY event_name",
            cancellationToken);

    private static async Task<IReadOnlyList<SchemaObject>> ReadAsync(
        BackendConnection connection, SchemaObjectKind kind, string schema, string list, CancellationToken cancellationToken)
    {
        var names = await connection.QueryAsync(list, cancellationToken).ConfigureAwait(false);
        if (names.RowCount == 0)
        {
            return [];
        }

        await FaultPoints.HitAsync("schema.read.listed", cancellationToken).ConfigureAwait(false);
        var result = new List<SchemaObject>(names.RowCount);
        await using var session = await ShowCreateSession.OpenAsync(connection, cancellationToken).ConfigureAwait(false);
        foreach (var row in names.Rows)
        {
            var name = row.GetString("name");
            QueryRow shown;
            try
            {
                shown = (await connection.QueryAsync($"SHOW CREATE {kind.Sql()} {new TableName(schema, name).Quoted}", cancellationToken).ConfigureAwait(false)).Rows[0];
            }
            catch (ServerErrorException e) when (ServerErrors.IsGone(e))
            {
                continue;
            }

            // Columns by place, since their names differ by kind. View: name, create, charset, collation. Event has its time zone in the third.
            var body = kind switch { SchemaObjectKind.View => 1, SchemaObjectKind.Event => 3, _ => 2 };
            var charset = kind == SchemaObjectKind.View ? 2 : body + 1;
            result.Add(new SchemaObject
            {
                Kind = kind,
                Schema = schema,
                Name = name,
                Table = row.GetStringOrNull("object_table"),
                Definer = row.GetStringOrNull("definer") ?? "",
                CreateStatement = shown.GetStringOrNull(body) ?? "",
                SqlMode = kind == SchemaObjectKind.View ? "" : shown.GetStringOrNull(1) ?? "",
                CharacterSetClient = shown.GetStringOrNull(charset) ?? "",
                CollationConnection = shown.GetStringOrNull(charset + 1) ?? "",
                DatabaseCollation = kind == SchemaObjectKind.View ? "" : shown.GetStringOrNull(charset + 2) ?? "",
                EventStatus = kind == SchemaObjectKind.Event ? row.GetStringOrNull("status") ?? "" : "",
                TimeZone = kind == SchemaObjectKind.Event ? row.GetStringOrNull("zone") ?? "" : "",
            });
        }

        return result;
    }
}
