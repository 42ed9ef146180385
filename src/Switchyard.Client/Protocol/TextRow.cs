using Switchyard.Wire;

namespace Switchyard.Client.Protocol;

/// <summary>Finds the values of a row of the text protocol.</summary>
internal static class TextRow
{
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
