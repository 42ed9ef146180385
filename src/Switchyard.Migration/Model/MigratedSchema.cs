using System.Text.Json.Serialization;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

/// <summary>What of one schema moves.</summary>
/// <param name="Name">The schema, of the same name on both sides.</param>
/// <param name="Tables">The migrated tables' names, without the schema, in name order.</param>
/// <param name="Whole">All of it moves, with views and routines, so that one rule and one gate scope name the schema.</param>
/// <param name="MadeHere">The target had no schema of this name before, so <c>cancel</c> may remove it.</param>
internal sealed record MigratedSchema(string Name, IReadOnlyList<string> Tables, bool Whole, bool MadeHere = false)
{
    /// <summary>The sequences that move with the tables; null for all of the schema, as a whole one's, or those of a record from before this was known.</summary>
    public IReadOnlyList<string>? Sequences { get; init; }

    [JsonIgnore]
    public IEnumerable<TableName> TableNames => Tables.Select(t => new TableName(Name, t));
}

/// <summary>What the schemas of one migration are called together.</summary>
internal static class MigratedSchemas
{
    public static IReadOnlyList<TableName> AllTables(this IReadOnlyList<MigratedSchema> schemas) => [.. schemas.SelectMany(s => s.TableNames)];

    /// <summary>A table as people are told of it: without its schema where there is only one.</summary>
    public static string NameOf(this IReadOnlyList<MigratedSchema> schemas, TableName table) => schemas.Count == 1 ? table.Name : table.ToString();

    /// <summary>The schemas in words.</summary>
    public static string Title(this IReadOnlyList<MigratedSchema> schemas) =>
        schemas.Count == 1 ? schemas[0].Name : $"{string.Join(", ", schemas.SkipLast(1).Select(s => s.Name))} and {schemas[^1].Name}";
}
