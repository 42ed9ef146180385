namespace Switchyard.Replication.Schema;

/// <summary>Which kind a type name of information_schema is.</summary>
internal static class ColumnKinds
{
    /// <summary>The kind, or null when the type is not known and its values cannot be moved exactly.</summary>
    internal static ColumnKind? Find(string dataType) => dataType switch
    {
        "tinyint" or "smallint" or "mediumint" or "int" or "integer" or "bigint" => ColumnKind.Integer,
        "decimal" or "numeric" => ColumnKind.Decimal,
        "float" => ColumnKind.Float,
        "double" or "real" => ColumnKind.Double,
        "bit" => ColumnKind.Bit,
        "year" => ColumnKind.Year,
        "date" => ColumnKind.Date,
        "time" => ColumnKind.Time,
        "datetime" => ColumnKind.DateTime,
        "timestamp" => ColumnKind.Timestamp,
        "enum" => ColumnKind.Enum,
        "set" => ColumnKind.Set,
        "char" or "varchar" or "tinytext" or "text" or "mediumtext" or "longtext" => ColumnKind.Text,
        "binary" or "varbinary" or "tinyblob" or "blob" or "mediumblob" or "longblob" or "vector" => ColumnKind.Binary,
        "json" => ColumnKind.Json,
        "geometry" or "point" or "linestring" or "polygon" or "multipoint" or "multilinestring" or "multipolygon"
            or "geometrycollection" or "geomcollection" => ColumnKind.Geometry,
        "uuid" or "inet4" or "inet6" => ColumnKind.Other,
        _ => null,
    };
}
