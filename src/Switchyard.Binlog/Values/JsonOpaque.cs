using System.Buffers.Binary;
using System.Buffers.Text;
using Switchyard.Binlog.Decoding;

namespace Switchyard.Binlog.Values;

/// <summary>MySQL values inside JSON that JSON has no type for: decimals, dates, and anything else as base64.</summary>
internal static class JsonOpaque
{
    /// <summary>The server's base64 breaks its lines after so many characters (base64_encode in include/base64.h).</summary>
    private const int Base64LineLength = 76;

    private const int Base64LineBytes = Base64LineLength / 4 * 3;

    internal static void Write(byte type, ReadOnlySpan<byte> data, in JsonTextWriter text)
    {
        Span<byte> buffer = stackalloc byte[PackedDecimal.MaxLength];
        int length;
        text.Scalar((PhysicalType)type switch
        {
            PhysicalType.NewDecimal => JsonTypes.Decimal,
            PhysicalType.Date => JsonTypes.Date,
            PhysicalType.DateTime => JsonTypes.DateTime,
            PhysicalType.Timestamp => JsonTypes.Timestamp,
            PhysicalType.Time => JsonTypes.Time,
            _ => JsonTypes.Opaque,
        });
        switch ((PhysicalType)type)
        {
            case PhysicalType.NewDecimal:
                if (data.Length < 2 || data.Length - 2 < PackedDecimal.SizeOf(data[0], data[1]))
                {
                    throw new BinlogFormatException("A decimal inside JSON is too short.");
                }

                length = PackedDecimal.Format(data.Slice(2, PackedDecimal.SizeOf(data[0], data[1])), data[0], data[1], buffer);
                text.Raw(buffer[..length]);
                return;
            case PhysicalType.Date:
                length = TemporalText.JsonDateTime(ReadPacked(data), withTime: false, buffer);
                break;
            case PhysicalType.DateTime or PhysicalType.Timestamp:
                length = TemporalText.JsonDateTime(ReadPacked(data), withTime: true, buffer);
                break;
            case PhysicalType.Time:
                length = TemporalText.JsonTime(ReadPacked(data), buffer);
                break;
            default:
                WriteBase64(type, data, text);
                return;
        }

        text.Raw("\""u8);
        text.Raw(buffer[..length]);
        text.Raw("\""u8);
    }

    private static long ReadPacked(ReadOnlySpan<byte> data) => data.Length >= 8
        ? BinaryPrimitives.ReadInt64LittleEndian(data)
        : throw new BinlogFormatException("A date inside JSON is too short.");

    private static void WriteBase64(byte type, ReadOnlySpan<byte> data, in JsonTextWriter text)
    {
        text.Raw("\"base64:type"u8);
        text.Number(type);
        text.Raw(":"u8);
        Span<byte> line = stackalloc byte[Base64LineLength];
        for (var at = 0; at < data.Length; at += Base64LineBytes)
        {
            if (at > 0)
            {
                text.Raw("\\n"u8);
            }

            _ = Base64.EncodeToUtf8(data.Slice(at, Math.Min(Base64LineBytes, data.Length - at)), line, out _, out var length);
            text.Raw(line[..length]);
        }

        text.Raw("\""u8);
    }
}
