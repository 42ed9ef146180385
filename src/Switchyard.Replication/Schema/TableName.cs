namespace Switchyard.Replication.Schema;

/// <summary>A table as the server names it: schema and table, unquoted.</summary>
public readonly record struct TableName(string Schema, string Name) : IComparable<TableName>
{
    /// <summary>The name as SQL text: both parts in backticks.</summary>
    public string Quoted => $"`{Schema.Replace("`", "``", StringComparison.Ordinal)}`.`{Name.Replace("`", "``", StringComparison.Ordinal)}`";

    /// <summary>Ordinal order by schema, then table.</summary>
    public int CompareTo(TableName other)
    {
        var bySchema = string.CompareOrdinal(Schema, other.Schema);
        return bySchema != 0 ? bySchema : string.CompareOrdinal(Name, other.Name);
    }

    /// <summary><c>schema.table</c>, for people.</summary>
    public override string ToString() => $"{Schema}.{Name}";

    public static bool operator <(TableName left, TableName right) => left.CompareTo(right) < 0;

    public static bool operator >(TableName left, TableName right) => left.CompareTo(right) > 0;

    public static bool operator <=(TableName left, TableName right) => left.CompareTo(right) <= 0;

    public static bool operator >=(TableName left, TableName right) => left.CompareTo(right) >= 0;
}
