namespace Switchyard.Replication.Schema;

/// <summary>What a column holds, as far as reading, writing and comparing its values is concerned.</summary>
public enum ColumnKind
{
    /// <summary>TINYINT to BIGINT, signed or not.</summary>
    Integer,

    /// <summary>DECIMAL and NUMERIC.</summary>
    Decimal,

    /// <summary>Single precision.</summary>
    Float,

    /// <summary>Double precision.</summary>
    Double,

    /// <summary>BIT(1) to BIT(64).</summary>
    Bit,

    /// <summary>YEAR, four digits.</summary>
    Year,

    /// <summary>DATE.</summary>
    Date,

    /// <summary>TIME with its fractional digits.</summary>
    Time,

    /// <summary>DATETIME with its fractional digits.</summary>
    DateTime,

    /// <summary>TIMESTAMP with its fractional digits, read as UTC.</summary>
    Timestamp,

    /// <summary>ENUM, moved by index.</summary>
    Enum,

    /// <summary>SET, moved as a bitmap.</summary>
    Set,

    /// <summary>Character data with a character set: CHAR, VARCHAR, the TEXT family, MariaDB's JSON.</summary>
    Text,

    /// <summary>Bytes: BINARY, VARBINARY, the BLOB family, VECTOR.</summary>
    Binary,

    /// <summary>MySQL's native JSON.</summary>
    Json,

    /// <summary>The GEOMETRY family, moved as the server's internal bytes (SRID and WKB).</summary>
    Geometry,

    /// <summary>A type moved as the text the server prints: MariaDB's UUID, INET4 and INET6.</summary>
    Other,
}
