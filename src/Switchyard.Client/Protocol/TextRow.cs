using Switchyard.Wire;

namespace Switchyard.Client.Protocol;

/// <summary>Finds the values of a row of the text protocol.</summary>
internal static class TextRow
{
    /// <summary>How long a row is at least, of which only the beginning is here.</summary>
    public static long LeastLength(ReadOnlySpan<byte> beginning)
    {
        long at = 0;
        while (at < beginning.Length)
        {
            var rest = beginning[(int)at..];
            var size = rest[0] switch { 0xFC => 3, 0xFD => 4, 0xFE => 9, _ => 1 };
            if (rest.Length < size)
            {
                break;
            }

            at += size + (rest[0] switch
            {
                0xFB => 0,
                0xFC => System.Buffers.Binary.BinaryPrimitives.ReadUInt16LittleEndian(rest[1..]),
                0xFD => rest[1] | (rest[2] << 8) | (rest[3] << 16),
                0xFE => (long)Math.Min(System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(rest[1..]), int.MaxValue),
                var length => length,
            });
        }

        return at;
    }

    /// <exception cref="MalformedPacketException">The row does not hold exactly as many values as there are columns.</exception>
    public static void Index(ReadOnlySpan<byte> payload, int[] starts, int[] lengths)
    {
        var reader = new PayloadReader(payload);
        for (var i = 0; i < starts.Length; i++)
        {
            var isValue = reader.TryReadLengthEncodedBytes(out var value);
            lengths[i] = isValue ? value.Length : -1;
            starts[i] = reader.Position - value.Length;
        }

        if (!reader.IsAtEnd)
        {
            throw new MalformedPacketException($"A row has {reader.Remaining} bytes beyond its {starts.Length} columns.");
        }
    }
}
