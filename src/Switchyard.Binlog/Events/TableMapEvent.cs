namespace Switchyard.Binlog;

/// <summary>Names the table and the physical column types of the rows events that follow with the same id.</summary>
public sealed class TableMapEvent : BinlogEvent
{
    /// <summary>The id rows events refer to; valid until the next rotation or statement end.</summary>
    public required ulong TableId { get; init; }

    /// <summary>The table's schema.</summary>
    public required string Schema { get; init; }

    /// <summary>The table.</summary>
    public required string Table { get; init; }

    /// <summary>Physical type code of each column (ENUM and SET are found inside <see cref="Metadata"/> of type 254).</summary>
    public required ReadOnlyMemory<byte> ColumnTypes { get; init; }

    /// <summary>Per column: what the type needs to be decoded, such as lengths, precision, fractional digits.</summary>
    public required ReadOnlyMemory<ushort> Metadata { get; init; }

    /// <summary>One bit per numeric column in order, set when UNSIGNED; empty when the server does not log it (MariaDB's default).</summary>
    public ReadOnlyMemory<byte> Signedness { get; init; }

    /// <summary>Column names, when the server logs them (binlog_row_metadata=FULL).</summary>
    public IReadOnlyList<string>? ColumnNames { get; init; }

    /// <summary>The event's body from the schema's name to the bitmap of nullable columns, which is what every server reads of it; shared by equal maps.</summary>
    public ReadOnlyMemory<byte> Definition { get; init; }

    /// <summary>The number of columns.</summary>
    public int ColumnCount => ColumnTypes.Length;
}
