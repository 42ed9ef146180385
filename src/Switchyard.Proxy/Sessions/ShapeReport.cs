using System.Collections.Immutable;
using Switchyard.Proxy.Routing;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Sessions;

/// <summary>What sessions have run, in the topology's words.</summary>
internal static class ShapeReport
{
    public static Observations Of(StatementCache statements, TransactionShapes transactions, DateTimeOffset now)
    {
        var observed = new List<ObservedStatement>();
        foreach (var use in statements.Uses)
        {
            use.Observe(now);
            observed.AddRange(use.Schemas.Select(Describe));
        }

        return new Observations(
            [.. observed], [.. transactions.All.Select(t => new ObservedTransaction([.. t.Shapes.Select(Describe)], t.Count, t.LastSeen))]);
    }

    private static ObservedStatement Describe(ShapeUse.InSchema use)
    {
        var tables = use.Shape.Info.Tables.Select(t => (Schema: t.Schema ?? use.Schema, t.Name)).Where(t => t.Schema is not null && !StatementRouter.IsSystemSchema(t.Schema))
            .Select(t => new TableScope(t.Schema!, t.Name)).ToImmutableArray();
        return new ObservedStatement(use.Shape.Text, tables, use.Shape.Info.TablesKnown, use.Schema, use.Count, use.LastSeen);
    }
}
