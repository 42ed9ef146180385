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

        return tables.AreKnown || schema is null ? new RouteAnswer(backend, null) : RouteUnknown(backend, schema, routing);
    }

    /// <summary>Where a session in this schema is at home: where tables no rule names are.</summary>
    public static string? HomeOf(string? schema, RoutingTable routing) =>
        schema is null || IsSystemSchema(schema) ? routing.DefaultBackend : routing.Resolve(schema, "")?.Writer ?? routing.DefaultBackend;

    public static bool IsSystemSchema(string schema) =>
        schema.Equals("information_schema", StringComparison.OrdinalIgnoreCase)
        || schema.Equals("mysql", StringComparison.OrdinalIgnoreCase)
        || schema.Equals("performance_schema", StringComparison.OrdinalIgnoreCase)
        || schema.Equals("sys", StringComparison.OrdinalIgnoreCase);

    /// <summary>A statement whose tables are not all known counts as touching every table of its schema.</summary>
    private static RouteAnswer RouteUnknown(string? backend, string schema, RoutingTable routing)
    {
        var home = HomeOf(schema, routing);
        backend ??= home;
        var split = backend != home ? home : null;
        foreach (var rule in routing.RulesOf(schema))
        {
            split = rule.Writer != backend ? rule.Writer : split;
        }

        return split is null
            ? new RouteAnswer(backend, null)
            : new RouteAnswer(null, ClientError.Refused(
                $"Switchyard cannot tell which tables this statement uses, and the tables of {schema} are split between the backends '{backend}' and '{split}'."));
    }
}

/// <summary>A backend, or the error the client gets; neither when any backend will do.</summary>
internal readonly record struct RouteAnswer(string? Backend, ClientError? Error);
