using System.Text;

namespace Switchyard.Binlog.Decoding;

/// <summary>
/// TABLE_MAP events. Source: MySQL rows_event.h, class Table_map_event (column metadata and the optional metadata fields).
/// </summary>
internal static class TableMapDecoder
{
    internal static TableMapEvent Decode(in EventHeader header, ReadOnlySpan<byte> body, int tableIdLength, TableMapEvent? cached, byte[]? cachedBody)
    {
        var span = new EventSpan(body);
        var tableId = span.UInt(tableIdLength);
        if (cached is not null && body.SequenceEqual(cachedBody))
        {
            return Copy(header, cached);
        }

        span.Skip(2);
        var start = span.Offset;
        var schema = span.Text(span.Byte());
        span.Skip(1);
        var table = span.Text(span.Byte());
        span.Skip(1);
        var count = span.LengthEncodedSize();
        var types = span.Bytes(count).ToArray();
        var metadata = ReadMetadata(types, span.Bytes(span.LengthEncodedSize()));
        span.Skip((count + 7) / 8);
        var definition = body[start..span.Offset].ToArray();
        ReadOnlyMemory<byte> signedness = default;
        List<string>? names = null;
        while (span.Remaining > 0)
        {
            var field = span.Byte();
            var value = new EventSpan(span.Bytes(span.LengthEncodedSize()));
            switch (field)
            {
                case 1:
                    signedness = value.Rest().ToArray();
                    break;
                case 4:
                    names = new List<string>(count);
                    while (value.Remaining > 0)
                    {
                        names.Add(Encoding.UTF8.GetString(value.Bytes(value.LengthEncodedSize())));
                    }

                    break;
                default:
                    break;
            }
        }

        return new TableMapEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            TableId = tableId,
            Schema = schema,
            Table = table,
            ColumnTypes = types,
            Metadata = metadata,
            Signedness = signedness,
            ColumnNames = names,
            Definition = definition,
        };
    }

    private static TableMapEvent Copy(in EventHeader header, TableMapEvent cached) => new()
    {
        Type = header.Type,
        Timestamp = header.Timestamp,
        ServerId = header.ServerId,
        Flags = header.Flags,
        TableId = cached.TableId,
        Schema = cached.Schema,
        Table = cached.Table,
        ColumnTypes = cached.ColumnTypes,
        Metadata = cached.Metadata,
        Signedness = cached.Signedness,
        ColumnNames = cached.ColumnNames,
        Definition = cached.Definition,
    };

    /// <summary>Two bytes are kept in the order of the log: the first in the low byte.</summary>
    private static ushort[] ReadMetadata(byte[] types, ReadOnlySpan<byte> bytes)
    {
        var span = new EventSpan(bytes);
        var metadata = new ushort[types.Length];
        for (var i = 0; i < types.Length; i++)
        {
            metadata[i] = (PhysicalType)types[i] switch
            {
                PhysicalType.Float or PhysicalType.Double or PhysicalType.TinyBlob or PhysicalType.MediumBlob or PhysicalType.LongBlob
                    or PhysicalType.Blob or PhysicalType.Geometry or PhysicalType.Json or PhysicalType.Vector or PhysicalType.MariaDbBlobCompressed
                    or PhysicalType.Time2 or PhysicalType.DateTime2 or PhysicalType.Timestamp2 => span.Byte(),
                PhysicalType.VarChar or PhysicalType.VarString or PhysicalType.String or PhysicalType.Bit or PhysicalType.NewDecimal
                    or PhysicalType.Enum or PhysicalType.Set or PhysicalType.MariaDbVarCharCompressed => span.UInt16(),
                PhysicalType.Decimal or PhysicalType.Tiny or PhysicalType.Short or PhysicalType.Long or PhysicalType.Null or PhysicalType.Timestamp
                    or PhysicalType.LongLong or PhysicalType.Int24 or PhysicalType.Date or PhysicalType.Time or PhysicalType.DateTime
                    or PhysicalType.Year or PhysicalType.NewDate => 0,
                _ => StopAtUnknownType(types, i),
            };
        }

        return metadata;
    }

    /// <summary>
    /// The metadata of an unknown type has an unknown length, so that later columns cannot be read either: their types become unknown too,
    /// and only decoding rows of this very table fails.
    /// </summary>
    private static ushort StopAtUnknownType(byte[] types, int index)
    {
        types.AsSpan(index).Fill((byte)PhysicalType.Unknown);
        return 0;
    }
}
