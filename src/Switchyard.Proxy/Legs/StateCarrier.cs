using System.Globalization;
using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Sessions;
using Switchyard.Wire;

namespace Switchyard.Proxy.Legs;

/// <summary>How much of a session's state a leg needs.</summary>
internal enum CarryScope
{
    /// <summary>What a plain read depends on: schema, character sets, session variables.</summary>
    Variables,

    /// <summary>Also user variables, LAST_INSERT_ID(), options, and what waits for the next transaction.</summary>
    Everything,
}

/// <summary>
/// Brings a session's state from the leg that has it to another. Only names are kept over time; values are read from the old leg here, so
/// they are the server's own.
/// </summary>
internal static class StateCarrier
{
    /// <summary>Returns what the new leg would not take, by name; those stay as that server has them.</summary>
    /// <exception cref="LegLostException">One of the legs broke.</exception>
    public static async Task<List<(string Name, string Reason)>> CarryAsync(
        BackendLeg from, BackendLeg to, SessionState state, CarryScope scope, CancellationToken cancellationToken)
    {
        List<(string, string)> failures = [];
        await CarrySchemaAsync(to, state, failures, cancellationToken);
        var version = state.Version;
        if (to.SyncedVersion < version)
        {
            var refused = failures.Count;
            await CarryVariablesAsync(from, to, [.. state.VariablesSince(to.SyncedVersion)], failures, cancellationToken);

            // What reads there would lack is refused again each time, until the session lives there.
            if (failures.Count == refused || scope == CarryScope.Everything)
            {
                to.SyncedVersion = version;
            }
        }

        if (scope == CarryScope.Everything && to.SyncedUserVersion < version)
        {
            await CarryRestAsync(from, to, state, failures, cancellationToken);
            to.SyncedUserVersion = version;
        }

        // What is carried from has everything by definition, should the session come back to it.
        from.SyncedVersion = version;
        from.SyncedUserVersion = version;
        return failures;
    }

    private static async Task CarrySchemaAsync(BackendLeg to, SessionState state, List<(string, string)> failures, CancellationToken cancellationToken)
    {
        if (state.Schema is not { } schema || schema == to.Schema)
        {
            return;
        }

        try
        {
            await LegCommands.ChangeSchemaAsync(to, schema, cancellationToken);
        }
        catch (ServerErrorException exception)
        {
            // The schema need not exist there: a statement that names its tables in full does not miss it, another says so itself.
            failures.Add(($"schema {schema}", exception.Message));
        }
    }

    private static async Task CarryVariablesAsync(
        BackendLeg from, BackendLeg to, string[] names, List<(string, string)> failures, CancellationToken cancellationToken)
    {
        if (names.Length == 0)
        {
            return;
        }

        List<string> assignments = [];
        var values = await ReadVariablesAsync(from, names, failures, cancellationToken);
        foreach (var (name, value, column) in values)
        {
            var there = VariableNames.OnServer(name, to.Server);
            assignments.Add($"@@session.{there} = {Literal(VariableNames.ValueOnServer(name, value, to.Server), column)}");
        }

        if (assignments.Count == 0)
        {
            return;
        }

        try
        {
            await LegCommands.QueryAsync(to, "SET " + string.Join(", ", assignments), cancellationToken);
        }
        catch (ServerErrorException) when (assignments.Count > 1)
        {
            for (var i = 0; i < assignments.Count; i++)
            {
                await TrySetAsync(to, values[i].Name, assignments[i], failures, cancellationToken);
            }
        }
        catch (ServerErrorException exception)
        {
            failures.Add((values[0].Name, exception.Message));
        }
    }

    private static async Task TrySetAsync(BackendLeg to, string name, string assignment, List<(string, string)> failures, CancellationToken cancellationToken)
    {
        try
        {
            await LegCommands.QueryAsync(to, "SET " + assignment, cancellationToken);
        }
        catch (ServerErrorException exception)
        {
            failures.Add((name, exception.Message));
        }
    }

    private static async Task<List<(string Name, string? Value, LegColumn Column)>> ReadVariablesAsync(
        BackendLeg from, string[] names, List<(string, string)> failures, CancellationToken cancellationToken)
    {
        List<(string, string?, LegColumn)> values = [];
        try
        {
            var list = string.Join(", ", names.Select(name => $"@@session.{VariableNames.OnServer(name, from.Server)}"));
            var row = await LegCommands.QueryAsync(from, "SELECT " + list, cancellationToken);
            for (var i = 0; i < names.Length; i++)
            {
                values.Add((names[i], row.Text(0, i), row.Columns[i]));
            }
        }
        catch (ServerErrorException) when (names.Length > 1)
        {
            foreach (var name in names)
            {
                values.AddRange(await ReadVariablesAsync(from, [name], failures, cancellationToken));
            }
        }
        catch (ServerErrorException exception)
        {
            // A name that cannot be read was never set there, or cannot be carried.
            failures.Add((names[0], exception.Message));
        }

        return values;
    }

    private static async Task CarryRestAsync(
        BackendLeg from, BackendLeg to, SessionState state, List<(string, string)> failures, CancellationToken cancellationToken)
    {
        var names = state.UserVariablesSince(to.SyncedUserVersion).ToArray();
        if (names.Length > 0)
        {
            await UserVariableCarrier.CarryAsync(from, to, names, state.Text, failures, cancellationToken);
        }

        if (state.LastInsertIdVersion > to.SyncedUserVersion)
        {
            var id = (await LegCommands.QueryAsync(from, "SELECT LAST_INSERT_ID()", cancellationToken)).Text(0, 0);
            await LegCommands.QueryAsync(to, $"SELECT LAST_INSERT_ID({id})", cancellationToken);
        }

        if (state.SetOptionVersion > to.SyncedUserVersion && state.SetOption is { } option)
        {
            await LegCommands.SimpleAsync(to, CommandKind.SetOption, option, cancellationToken);
        }

        if (state.NextTransactionVersion > to.SyncedUserVersion && state.NextTransaction is { } statement)
        {
            await LegCommands.QueryAsync(to, statement, cancellationToken);
        }
    }

    /// <summary>Numbers must be written as numbers and texts as texts: servers refuse the wrong kind for a variable.</summary>
    private static string Literal(string? value, LegColumn column)
    {
        if (value is null)
        {
            return "NULL";
        }

        if ((column.IsInteger || column.IsDecimal || column.IsFloating)
            && double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
        {
            return value;
        }

        // Quotes doubled hold in every sql_mode; a backslash would not, so such a value goes as bytes.
        return value.Contains('\\', StringComparison.Ordinal)
            ? $"_utf8 x'{Convert.ToHexString(Encoding.UTF8.GetBytes(value))}'"
            : $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";
    }
}
