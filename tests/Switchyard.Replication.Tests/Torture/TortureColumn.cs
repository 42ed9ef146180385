namespace Switchyard.Replication.Tests.Torture;

/// <summary>A column of a torture table and how to make values of it up.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type with all attributes.</param>
/// <param name="Value">An SQL expression with a value; null for a column that is not written.</param>
internal sealed record TortureColumn(string Name, string Type, Func<Random, string>? Value);

/// <summary>A table full of one family of types.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Columns">The key first.</param>
internal sealed record TortureTable(string Name, params TortureColumn[] Columns)
{
    /// <summary>Columns of the primary key; 0 where the server makes a key of its own.</summary>
    public int KeyColumns { get; init; } = 1;

    /// <summary>A statement that has to come before CREATE TABLE in the same session.</summary>
    public string? Before { get; init; }

    /// <summary>After the columns: further keys.</summary>
    public string Keys { get; init; } = "";

    public string Create =>
        $"CREATE TABLE `{Name}` ({string.Join(", ", Columns.Select(c => $"`{c.Name}` {c.Type}"))}"
        + (KeyColumns > 0 ? $", PRIMARY KEY ({string.Join(", ", Columns.Take(KeyColumns).Select(c => $"`{c.Name}`"))})" : "") + $"{Keys}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

    /// <summary>A table whose key is a small number.</summary>
    public static TortureTable Numbered(string name, params TortureColumn[] columns) =>
        new(name, [new TortureColumn("id", "INT NOT NULL", r => r.Next(1, 250).ToString()), .. columns]);
}
