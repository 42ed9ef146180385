using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Switchyard.Binlog;
using Switchyard.Replication.Schema;
using Switchyard.Wire;

namespace Switchyard.Replication.Keys;

/// <summary>
/// Turns the key cells of a row into bytes: equal for equal values, and, for kinds whose order is the same everywhere, ordered like the key itself
/// when compared byte by byte.
/// </summary>
internal sealed class KeyCodec
{
    private readonly ColumnKind[] _kinds;
    private readonly bool[] _unsigned;

    public KeyCodec(IReadOnlyList<ColumnDefinition> keyColumns)
    {
        _kinds = [.. keyColumns.Select(c => c.Kind)];
        _unsigned = [.. keyColumns.Select(c => c.IsUnsigned)];
        IsOrdered = keyColumns.All(HasCommonOrder);
    }

    /// <summary>Whether comparing encoded keys gives the servers' order. Character data never does: its order is the collation's business.</summary>
    public bool IsOrdered { get; }

    public int ColumnCount => _kinds.Length;

    public byte[] Encode(ReadOnlySpan<Cell> key)
    {
        using var writer = new PayloadWriter(64);
        for (var i = 0; i < _kinds.Length; i++)
        {
            EncodePart(writer, i, key[i].Bytes.Span);
        }

        return writer.WrittenSpan.ToArray();
    }

    /// <summary>Appends one key column; call for every column of the key in order.</summary>
    public void EncodePart(PayloadWriter writer, int part, ReadOnlySpan<byte> cell)
    {
        switch (_kinds[part])
        {
            case ColumnKind.Integer when _unsigned[part]:
                WriteBigEndian(writer, ulong.Parse(cell, NumberStyles.None, CultureInfo.InvariantCulture));
                break;
            case ColumnKind.Integer:
                WriteBigEndian(writer, (ulong)long.Parse(cell, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) ^ 0x8000_0000_0000_0000);
                break;
            case ColumnKind.Float or ColumnKind.Double:
                // The same double can be printed in several ways.
                WriteBigEndian(writer, BitConverter.DoubleToUInt64Bits(double.Parse(cell, NumberStyles.Float, CultureInfo.InvariantCulture)));
                break;
            default:
                WriteEscaped(writer, cell);
                break;
        }
    }

    private static bool HasCommonOrder(ColumnDefinition column) =>
        column.Kind is ColumnKind.Integer or ColumnKind.Year or ColumnKind.Date or ColumnKind.DateTime or ColumnKind.Timestamp or ColumnKind.Binary;

    private static void WriteBigEndian(PayloadWriter writer, ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(writer.GetSpan(8), value);
        writer.Advance(8);
    }

    // 00 becomes 00 FF and 00 00 ends the part, so a shorter value sorts before every longer one it begins.
    private static void WriteEscaped(PayloadWriter writer, ReadOnlySpan<byte> cell)
    {
        int zero;
        while ((zero = cell.IndexOf((byte)0)) >= 0)
        {
            writer.WriteBytes(cell[..(zero + 1)]);
            writer.WriteByte(0xFF);
            cell = cell[(zero + 1)..];
        }

        writer.WriteBytes(cell);
        writer.WriteUInt16(0);
    }
}
