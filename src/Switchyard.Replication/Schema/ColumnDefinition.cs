namespace Switchyard.Replication.Schema;

/// <summary>One column of a table, as information_schema.columns describes it.</summary>
public sealed record ColumnDefinition
{
    /// <summary>Position in the table, from 0; the same order the binary log uses.</summary>
    public required int Ordinal { get; init; }

    /// <summary>The column's name, unquoted.</summary>
    public required string Name { get; init; }

    /// <summary>The full type as the server prints it, for instance <c>int(11) unsigned</c>.</summary>
    public required string ColumnType { get; init; }

    /// <summary>The type's name alone in lower case, for instance <c>int</c>.</summary>
    public required string DataType { get; init; }

    /// <summary>How its values are read, written and compared.</summary>
    public required ColumnKind Kind { get; init; }

    /// <summary>Whether NULL is allowed.</summary>
    public bool IsNullable { get; init; }

    /// <summary>UNSIGNED (or ZEROFILL, which implies it).</summary>
    public bool IsUnsigned { get; init; }

    /// <summary>ZEROFILL: the server pads what it prints, so values are read as <c>col+0</c>.</summary>
    public bool IsZerofill { get; init; }

    /// <summary>Character set of character data, null for everything else.</summary>
    public string? CharacterSet { get; init; }

    /// <summary>Collation of character data, null for everything else.</summary>
    public string? Collation { get; init; }

    /// <summary>Generated, stored or virtual: never written, never copied.</summary>
    public bool IsGenerated { get; init; }

    /// <summary>Generated and not stored.</summary>
    public bool IsVirtual { get; init; }

    /// <summary>The generation expression as the server prints it.</summary>
    public string? GenerationExpression { get; init; }

    /// <summary>INVISIBLE: left out of <c>SELECT *</c>, yet data like any other.</summary>
    public bool IsInvisible { get; init; }

    /// <summary>AUTO_INCREMENT.</summary>
    public bool IsAutoIncrement { get; init; }

    /// <summary>The default as information_schema prints it; vendors differ in quoting. Null when there is none.</summary>
    public string? Default { get; init; }

    /// <summary>The "extra" text: on update clauses, generated markers.</summary>
    public string Extra { get; init; } = "";

    /// <summary>The column's comment.</summary>
    public string Comment { get; init; } = "";

    /// <summary>Digits after the decimal point for DECIMAL and for FLOAT and DOUBLE declared with them.</summary>
    public int? NumericScale { get; init; }

    /// <summary>Digits in all for numbers.</summary>
    public int? NumericPrecision { get; init; }

    /// <summary>Fractional digits of temporal types, 0 to 6.</summary>
    public int FractionalDigits { get; init; }

    /// <summary>Length in bytes of character and binary data.</summary>
    public long? OctetLength { get; init; }

    /// <summary>Length in characters of character data.</summary>
    public long? CharacterLength { get; init; }

    /// <summary>MariaDB COMPRESSED column.</summary>
    public bool IsCompressed { get; init; }

    /// <summary>SRID attribute of a MySQL 8 spatial column.</summary>
    public uint? Srid { get; init; }

    /// <summary>The name as SQL text, in backticks.</summary>
    public string QuotedName => $"`{Name.Replace("`", "``", StringComparison.Ordinal)}`";

    /// <summary>
    /// The expression whose text-protocol result is the canonical form of the value (session time zone UTC, character_set_results NULL or the
    /// column's own). Multiplying by 1e0 turns FLOAT into the exact double and keeps the sign of zero, which adding 0e0 would lose.
    /// </summary>
    public string CanonicalExpression => Kind switch
    {
        ColumnKind.Float or ColumnKind.Double => $"{QuotedName}*1e0",
        ColumnKind.Bit or ColumnKind.Enum or ColumnKind.Set => $"CAST({QuotedName} AS UNSIGNED)",
        ColumnKind.Integer or ColumnKind.Decimal when IsZerofill => $"{QuotedName}+0",
        _ => QuotedName,
    };
}
