using System.Text;
using Switchyard.Binlog;

namespace Switchyard.Replication.Keys;

/// <summary>A key value that ends a range: its cells, and their encoded form.</summary>
internal sealed class KeyBound
{
    private KeyBound(Cell[] cells, byte[] encoded)
    {
        Cells = cells;
        Encoded = encoded;
    }

    public Cell[] Cells { get; }

    public byte[] Encoded { get; }

    public static KeyBound FromCells(KeyCodec codec, Cell[] cells) => new(cells, codec.Encode(cells));

    /// <summary>Cells joined by commas; bytes that are not plain ASCII, and comma and percent, as %XX. Readable in the control table.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        for (var i = 0; i < Cells.Length; i++)
        {
            if (i > 0)
            {
                text.Append(',');
            }

            foreach (var b in Cells[i].Bytes.Span)
            {
                if (b is > 0x20 and < 0x7F and not (byte)',' and not (byte)'%')
                {
                    text.Append((char)b);
                }
                else
                {
                    text.Append('%').Append(b.ToString("X2"));
                }
            }
        }

        return text.ToString();
    }

    /// <exception cref="ReplicationException">The text is not a bound of this key.</exception>
    public static KeyBound Parse(KeyCodec codec, string text)
    {
        var parts = text.Split(',');
        if (parts.Length != codec.ColumnCount)
        {
            throw new ReplicationException($"A stored copy range has {parts.Length} key columns where the table's key has {codec.ColumnCount}; cancel the migration and start again.");
        }

        return FromCells(codec, [.. parts.Select(p => Cell.FromBytes(Decode(p)))]);
    }

    private static byte[] Decode(string part)
    {
        var bytes = new List<byte>(part.Length);
        for (var i = 0; i < part.Length; i++)
        {
            if (part[i] == '%')
            {
                bytes.Add(Convert.FromHexString(part.AsSpan(i + 1, 2))[0]);
                i += 2;
            }
            else
            {
                bytes.Add((byte)part[i]);
            }
        }

        return [.. bytes];
    }
}

/// <summary>Keys above <paramref name="Lower"/> (not included) up to <paramref name="Upper"/> (included); null is without end.</summary>
internal sealed record KeyRange(KeyBound? Lower, KeyBound? Upper)
{
    public static KeyRange All { get; } = new(null, null);

    /// <summary>Both ends are the same key: what is left of a chunk that was cut at its very end.</summary>
    public bool IsEmpty => Lower is not null && Upper is not null && Lower.Encoded.AsSpan().SequenceEqual(Upper.Encoded);

    /// <summary>Only for keys whose encoded order is the servers' order.</summary>
    public bool Contains(ReadOnlySpan<byte> encoded) =>
        (Lower is null || encoded.SequenceCompareTo(Lower.Encoded) > 0) && (Upper is null || encoded.SequenceCompareTo(Upper.Encoded) <= 0);
}
