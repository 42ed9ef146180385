using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Sessions;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Routing;

/// <summary>Which backend a statement's tables are written on, by one routing table.</summary>
internal static class StatementRouter
{
    /// <summary>
    /// The one backend that has the writer's side of every table of the statement. <see cref="RouteAnswer.Backend"/> is null when the statement
    /// names no table any rule or default speaks of.
    /// </summary>
    public static RouteAnswer Route(StatementTables tables, string? schema, RoutingTable routing, SessionPins pins)
    {
        string? backend = null;
        var first = default(TableReference);
        foreach (var table in tables.Tables)
        {
            if ((table.Schema ?? schema) is not { } name || IsSystemSchema(name) || pins.IsTemporaryTable(name, table.Name)
                || routing.Resolve(name, table.Name) is not { } route)
            {
                continue;
            }

            if (backend is null)
            {
                (backend, first) = (route.Writer, table);
            }
            else if (backend != route.Writer)
            {
                return new RouteAnswer(null, ClientError.Refused(
                    $"This statement uses {first.Schema ?? schema}.{first.Name} on backend '{backend}' and {name}.{table.Name} on backend '{route.Writer}'; "
                    + "no server has both. Split the statement, or migrate these tables together."));
            }
        }

        return tables.AreKnown ? new RouteAnswer(backend, null) : RouteUnknown(tables, backend, schema, routing);
    }

    /// <summary>Where a session in this schema is at home: where tables no rule names are.</summary>
    public static string? HomeOf(string? schema, RoutingTable routing) =>
        schema is null || IsSystemSchema(schema) ? routing.DefaultBackend : routing.Resolve(schema, "")?.Writer ?? routing.DefaultBackend;

    public static bool IsSystemSchema(string schema) =>
        schema.Equals("information_schema", StringComparison.OrdinalIgnoreCase)
        || schema.Equals("mysql", StringComparison.OrdinalIgnoreCase)
        || schema.Equals("performance_schema", StringComparison.OrdinalIgnoreCase)
        || schema.Equals("sys", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// A statement whose tables are not all known counts as touching every table of the schemas these may be in, and of a migrated schema whose name its
    /// text gives. One that says nothing of a schema is refused where it could be at home on either side.
    /// </summary>
    private static RouteAnswer RouteUnknown(StatementTables tables, string? backend, string? schema, RoutingTable routing)
    {
        if (tables.Info.Statements.Any(part => part.ReplaysLog) && FirstElsewhere(routing) is { } moved)
        {
            return new RouteAnswer(null, ClientError.Refused(
                $"This statement replays a piece of a binary log, and Switchyard cannot tell which tables that changes: those of {moved.Schema} are on backend '{moved.Writer}', "
                + $"others on '{routing.DefaultBackend}'. Replay it over a connection of your own to the server that has them."));
        }

        var isTied = backend is not null || !tables.Info.Qualifiers.IsEmpty;
        foreach (var unlisted in tables.UnlistedIn)
        {
            if ((unlisted ?? schema) is { } name)
            {
                isTied = true;
                if (!IsSystemSchema(name) && TryAdd(name, routing, ref backend) is { } split)
                {
                    return Refuse(name, backend!, split);
                }
            }
        }

        foreach (var name in tables.Info.Qualifiers)
        {
            if (routing.HasRules(name) && TryAdd(name, routing, ref backend) is { } split)
            {
                return Refuse(name, backend!, split);
            }
        }

        return isTied || !MayUseAnyTable(tables.Info) || FirstElsewhere(routing) is not { } elsewhere
            ? new RouteAnswer(backend, null)
            : new RouteAnswer(null, ClientError.Refused(
                $"Switchyard cannot tell which tables this statement uses, and without a schema not where they are either: those of {elsewhere.Schema} are on backend '{elsewhere.Writer}', "
                + $"others on '{routing.DefaultBackend}'. Choose a schema first, with USE, or name it in the statement."))
            {
                IsUntied = true,
            };
    }

    /// <summary>Every table of a schema is added to those on the backend; what is returned is the other backend that has some of them, if there is one.</summary>
    private static string? TryAdd(string schema, RoutingTable routing, ref string? backend)
    {
        var home = HomeOf(schema, routing);
        backend ??= home;
        var split = backend != home ? home : null;
        foreach (var rule in routing.RulesOf(schema))
        {
            split = rule.Writer != backend ? rule.Writer : split;
        }

        return split;
    }

    private static RouteAnswer Refuse(string schema, string backend, string split) => new(null, ClientError.Refused(
        $"Switchyard cannot tell which tables this statement uses, and those it may use are on the backends '{backend}' and '{split}', among them tables of {schema}. "
        + $"Run it in a session whose schema is on the same backend as what it uses, or write it so that its tables can be read from it."));

    private static RoutingRule? FirstElsewhere(RoutingTable routing) => routing.Rules.FirstOrDefault(rule => rule.Writer != routing.DefaultBackend);

    /// <summary>What is not known of the others (administration, Oracle's dialect) is no table in a schema nobody has named.</summary>
    private static bool MayUseAnyTable(StatementInfo info) => info.Statements.Any(
        part => part is { TablesKnown: false, Kind: StatementKind.Unknown or StatementKind.Execute or StatementKind.Prepare or StatementKind.Call or StatementKind.Handler });
}

/// <summary>A backend, or the error the client gets; neither when any backend will do.</summary>
/// <param name="Backend">Where it goes.</param>
/// <param name="Error">Why it goes nowhere.</param>
internal readonly record struct RouteAnswer(string? Backend, ClientError? Error)
{
    /// <summary>Refused only because nothing says on which side it is at home; where something else decides that, it may run.</summary>
    public bool IsUntied { get; init; }
}
