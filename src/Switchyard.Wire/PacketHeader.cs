using System.Diagnostics.CodeAnalysis;

namespace Switchyard.Wire;

/// <summary>The four bytes before each packet's payload.</summary>
/// <param name="Length">Bytes of payload in this packet, at most <see cref="PacketLimits.MaxPayload"/>.</param>
/// <param name="Sequence">Counts up from zero at each command, wrapping at 256.</param>
[SuppressMessage("Naming", "CA1720", Justification = "The protocol's word.")]
public readonly record struct PacketHeader(int Length, byte Sequence)
{
    /// <summary>True when the payload continues in the next packet.</summary>
    public bool IsContinued => Length == PacketLimits.MaxPayload;

    /// <summary>Reads a header from the first four bytes.</summary>
    public static PacketHeader Read(ReadOnlySpan<byte> source) => new(source[0] | (source[1] << 8) | (source[2] << 16), source[3]);

    /// <summary>Writes the header into the first four bytes.</summary>
    public void Write(Span<byte> destination)
    {
        destination[3] = Sequence;
        destination[0] = (byte)Length;
        destination[1] = (byte)(Length >> 8);
        destination[2] = (byte)(Length >> 16);
    }
}
