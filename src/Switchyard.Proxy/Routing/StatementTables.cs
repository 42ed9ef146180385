using System.Collections.Immutable;
using Switchyard.Sql;

namespace Switchyard.Proxy.Routing;

/// <summary>The tables a statement is about, seen from a session: behind a USE in the same text, and through views.</summary>
/// <param name="Tables">Those that are listed.</param>
/// <param name="AreKnown">There are no others.</param>
/// <param name="UnlistedIn">Schemas in which there may be others; null stands for the session's own.</param>
/// <param name="Info">The statement.</param>
internal readonly record struct StatementTables(ImmutableArray<TableReference> Tables, bool AreKnown, ImmutableArray<string?> UnlistedIn, StatementInfo Info)
{
    /// <param name="info">The statement.</param>
    /// <param name="schema">The session's schema, which names without one mean.</param>
    /// <param name="views">Views to see through; null where a view is always where its tables are.</param>
    public static StatementTables Of(StatementInfo info, string? schema, ViewCatalog? views)
    {
        var tables = info.StatementCount > 1 && info.Has(SessionEffects.ChangesSchema) ? BehindUse(info, schema) : info.Tables;
        var named = new StatementTables(tables, info.TablesKnown, info.UnlistedIn, info);
        return views is null || tables.IsEmpty ? named : views.Expand(named, schema);
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
