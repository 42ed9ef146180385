using System.Collections.Immutable;
using Switchyard.Sql;

namespace Switchyard.Proxy.Routing;

/// <summary>The tables a statement is about, seen from a session: behind a USE in the same text, and through views.</summary>
internal readonly record struct StatementTables(ImmutableArray<TableReference> Tables, bool AreKnown)
{
    /// <param name="info">The statement.</param>
    /// <param name="schema">The session's schema, which names without one mean.</param>
    /// <param name="views">Views to see through; null where a view is always where its tables are.</param>
    public static StatementTables Of(StatementInfo info, string? schema, ViewCatalog? views)
    {
        var tables = info.StatementCount > 1 && info.Has(SessionEffects.ChangesSchema) ? BehindUse(info, schema) : info.Tables;
        return views is null || tables.IsEmpty ? new StatementTables(tables, info.TablesKnown) : views.Expand(tables, schema, info.TablesKnown);
    }

    /// <summary>In "USE b; SELECT * FROM t" the table is b.t, whatever the session's schema was.</summary>
    private static ImmutableArray<TableReference> BehindUse(StatementInfo info, string? schema)
    {
        var tables = ImmutableArray.CreateBuilder<TableReference>();
        var current = schema;
        foreach (var part in info.Statements)
        {
            foreach (var table in part.Tables)
            {
                tables.Add(table with { Schema = table.Schema ?? current });
            }

            current = part.UseSchema ?? current;
        }

        return tables.ToImmutable();
    }
}
