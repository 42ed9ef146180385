using System.Text.RegularExpressions;
using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    private IReadOnlySet<Account>? _accounts;

    public async Task<HandoverRecord> ReadTriggersAndEventsAsync(IReadOnlyList<MigratedSchema> moved, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var names = await NamesAsync(cancellationToken);
        var wanted = moved.AllTables().ToHashSet(names);
        var whole = moved.Where(s => s.Whole).Select(s => s.Name).ToHashSet(names.Strings);
        var triggers = new List<TriggerDefinition>();
        var listed = await connection.QueryAsync(
            $"SELECT trigger_name, event_object_table, sql_mode, trigger_schema FROM information_schema.triggers WHERE trigger_schema IN ({SchemaTexts}) " +
            "ORDER BY trigger_schema, event_object_table, action_timing, event_manipulation, action_order", cancellationToken);
        foreach (var row in listed.Rows.Where(r => wanted.Contains(new TableName(r.GetString(3), r.GetString(1)))))
        {
            var name = new TableName(row.GetString(3), row.GetString(0));
            var shown = await connection.QueryAsync($"SHOW CREATE TRIGGER {name.Quoted}", cancellationToken);
            triggers.Add(new TriggerDefinition(name.Schema, name.Name, row.GetString(1), shown.GetString(0, 2), row.GetString(2)));
        }

        var events = new List<EventDefinition>();
        listed = await connection.QueryAsync(
            $"SELECT event_name, sql_mode, time_zone, status, event_schema, event_definition FROM information_schema.events WHERE event_schema IN ({SchemaTexts}) ORDER BY event_schema, event_name", cancellationToken);
        foreach (var row in listed.Rows.Where(r => whole.Contains(r.GetString(4)) || StoredCode.Uses(r.GetString(5), r.GetString(4), r.GetString(1), wanted)))
        {
            var name = new TableName(row.GetString(4), row.GetString(0));
            var shown = await connection.QueryAsync($"SHOW CREATE EVENT {name.Quoted}", cancellationToken);
            events.Add(new EventDefinition(name.Schema, name.Name, shown.GetString(0, "Create Event"), row.GetString(1), row.GetString(2), row.GetString(3) == "ENABLED"));
        }

        return new HandoverRecord { Triggers = triggers, Events = events };
    }

    public async Task CreateTriggerAsync(TriggerDefinition trigger, CancellationToken cancellationToken)
    {
        await DropTriggerAsync(trigger, cancellationToken);
        await CreateAsync(trigger.Schema, $"the trigger {trigger.Name}", await AdoptDefinerAsync(trigger.Statement, cancellationToken), trigger.SqlMode, null, cancellationToken);
    }

    public async Task DropTriggerAsync(TriggerDefinition trigger, CancellationToken cancellationToken)
    {
        if (await SchemaExistsAsync(trigger.Schema, cancellationToken))
        {
            await ExecuteAsync($"DROP TRIGGER IF EXISTS {SqlText.QuoteIdentifier(trigger.Schema, trigger.Name)}", cancellationToken);
        }
    }

    public async Task<bool> CreateEventAsync(EventDefinition definition, CancellationToken cancellationToken)
    {
        await DropEventAsync(definition, cancellationToken);
        var statement = EventStatus().Replace(await AdoptDefinerAsync(definition.Statement, cancellationToken), "$1 DISABLE$2 DO ", 1);
        await CreateAsync(definition.Schema, $"the event {definition.Name}", statement, definition.SqlMode, definition.TimeZone, cancellationToken);
        return await SetEventAsync(definition, enabled: false, cancellationToken);
    }

    public async Task<bool> SetEventAsync(EventDefinition definition, bool enabled, CancellationToken cancellationToken)
    {
        const int NoSuchEvent = 1539;
        const int AccessDenied = 1227;
        Task AlterAsync(string definer) =>
            ExecuteAsync($"ALTER {definer}EVENT {SqlText.QuoteIdentifier(definition.Schema, definition.Name)} {(enabled ? "ENABLE" : "DISABLE")}", cancellationToken);

        // Whoever alters an event without a word on it becomes its definer.
        _accounts ??= await ListAccountsAsync(cancellationToken);
        var definer = Definer.Of(definition.Statement) is { } account && _accounts?.Contains(account) == true ? $"DEFINER={Definer.Quote(account)} " : "";
        try
        {
            await AlterAsync(definer);
            return true;
        }
        catch (ServerErrorException e) when (e.Code == NoSuchEvent)
        {
            return false;
        }
        catch (ServerErrorException e) when (e.Code == AccessDenied && definer.Length > 0)
        {
            // An account that may alter events and not name a definer: that it does not run matters more.
            await AlterAsync("");
            return true;
        }
    }

    public async Task<IReadOnlyList<ServerProcess>> ListRunningEventsAsync(CancellationToken cancellationToken)
    {
        // The thread of an event has the command of a connection that has not logged in yet, and no port; at first it is the scheduler's, in no schema, then its account's, in the event's.
        var connection = await OpenAsync(cancellationToken);
        return [.. (await ServerProcess.ListAsync(connection, cancellationToken)).Where(p => p is { Command: "Connect", Port: null }
            && (p.User == "event_scheduler" || schemas.Contains(p.Schema, StringComparer.OrdinalIgnoreCase)))];
    }

    public Task DropEventAsync(EventDefinition definition, CancellationToken cancellationToken) =>
        ExecuteAsync($"DROP EVENT IF EXISTS {SqlText.QuoteIdentifier(definition.Schema, definition.Name)}", cancellationToken);

    public async Task<IReadOnlySet<Account>?> ListAccountsAsync(CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        try
        {
            return (await connection.QueryAsync("SELECT user, host FROM mysql.user", cancellationToken)).Rows.Select(r => new Account(r.GetString(0), r.GetString(1))).ToHashSet();
        }
        catch (ServerErrorException)
        {
            return null;
        }
    }

    /// <summary>
    /// Keeps the account a body runs as where this server has it. Where it has not, which has been told before, the body runs as ours, since a definer that does not exist
    /// would fail every statement that fires it.
    /// </summary>
    private async Task<string> AdoptDefinerAsync(string statement, CancellationToken cancellationToken)
    {
        if (Definer.Of(statement) is not { } account)
        {
            return statement;
        }

        var connection = await OpenAsync(cancellationToken);
        try
        {
            var found = await connection.QueryAsync(
                $"SELECT 1 FROM mysql.user WHERE user={SqlText.QuoteString(account.User)} AND host={SqlText.QuoteString(account.Host)}", cancellationToken);
            return found.RowCount > 0 ? statement : Definer.Without(statement);
        }
        catch (ServerErrorException)
        {
            return Definer.Without(statement);
        }
    }

    /// <summary>Definitions are printed unqualified, so they are run in their schema, in the mode and zone they were made in.</summary>
    private async Task CreateAsync(string schema, string what, string statement, string sqlMode, string? timeZone, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var mode = ServerModes.Supported(connection.Server, sqlMode);
        try
        {
            await connection.ChangeSchemaAsync(schema, cancellationToken);
            await connection.ExecuteAsync($"SET SESSION sql_mode={SqlText.QuoteString(mode)}{(timeZone is null ? "" : $", time_zone={SqlText.QuoteString(timeZone)}")}", cancellationToken);
            await connection.ExecuteAsync(statement, cancellationToken);
        }
        catch (ServerErrorException e)
        {
            throw new CutoverFailedException(
                $"The other side does not accept {what}: {e.ServerMessage}", $"Change {what} so that both servers accept it, or drop it.", e);
        }
        finally
        {
            // What is undone after a refusal goes over the same connection.
            if (connection.IsUsable)
            {
                await connection.ExecuteAsync(Setup, cancellationToken);
            }
        }
    }

    [GeneratedRegex(@"(ON COMPLETION (?:NOT )?PRESERVE) (?:ENABLE|DISABLE ON (?:SLAVE|REPLICA)|DISABLE)( COMMENT '(?:[^'\\]|''|\\.)*')? DO ", RegexOptions.IgnoreCase)]
    private static partial Regex EventStatus();
}
