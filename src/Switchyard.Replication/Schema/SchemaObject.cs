namespace Switchyard.Replication.Schema;

/// <summary>What else lives in a schema beside base tables.</summary>
public enum SchemaObjectKind
{
    View,
    Procedure,
    Function,

    /// <summary>MariaDB's stored packages, and their bodies.</summary>
    Package,
    PackageBody,
    Trigger,
    Event,
}

/// <summary>How kinds are named in SQL and in sentences.</summary>
internal static class SchemaObjectKinds
{
    public static string Sql(this SchemaObjectKind kind) => kind == SchemaObjectKind.PackageBody ? "PACKAGE BODY" : kind.ToString().ToUpperInvariant();

    public static string Words(this SchemaObjectKind kind) => kind.Sql().ToLowerInvariant();
}

/// <summary>A view, routine, trigger or event with all that its creation depends on.</summary>
public sealed record SchemaObject
{
    /// <summary>What it is.</summary>
    public required SchemaObjectKind Kind { get; init; }

    /// <summary>Its schema.</summary>
    public required string Schema { get; init; }

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The CREATE statement the server prints, its DEFINER included. Empty when the account may not see it.</summary>
    public required string CreateStatement { get; init; }

    /// <summary>The account it runs as: <c>user@host</c>.</summary>
    public string Definer { get; init; } = "";

    /// <summary>A trigger's table.</summary>
    public string? Table { get; init; }

    /// <summary>The sql_mode it was created with and runs with; empty for views.</summary>
    public string SqlMode { get; init; } = "";

    /// <summary>character_set_client at its creation.</summary>
    public string CharacterSetClient { get; init; } = "";

    /// <summary>collation_connection at its creation.</summary>
    public string CollationConnection { get; init; } = "";

    /// <summary>The schema's default collation at its creation; empty for views.</summary>
    public string DatabaseCollation { get; init; } = "";

    /// <summary>An event's status: ENABLED, DISABLED, SLAVESIDE_DISABLED, REPLICA_SIDE_DISABLED.</summary>
    public string EventStatus { get; init; } = "";

    /// <summary>The time zone an event's schedule is written in.</summary>
    public string TimeZone { get; init; } = "";

    /// <summary>The name as SQL text, in backticks, with its schema.</summary>
    public string QuotedName => new TableName(Schema, Name).Quoted;

    /// <summary>Whether an event would run.</summary>
    public bool IsEnabledEvent => Kind == SchemaObjectKind.Event && string.Equals(EventStatus, "ENABLED", StringComparison.OrdinalIgnoreCase);
}
