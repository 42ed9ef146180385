namespace Switchyard.Wire.Compression;

/// <summary>The seven bytes before each compressed packet, which holds a piece of the stream of ordinary packets cut at any place.</summary>
/// <remarks>Layout: MySQL protocol documentation "Compressed Packet".</remarks>
/// <param name="Length">Bytes that follow.</param>
/// <param name="Sequence">Counts up from zero at each command, wrapping at 256, apart from the numbers of the packets inside.</param>
/// <param name="OpenedLength">Bytes they are once decompressed; 0 when they are sent as they are.</param>
public readonly record struct CompressedHeader(int Length, byte Sequence, int OpenedLength)
{
    public const int Size = 7;

    public static CompressedHeader Read(ReadOnlySpan<byte> source) => new(
        source[0] | (source[1] << 8) | (source[2] << 16), source[3], source[4] | (source[5] << 8) | (source[6] << 16));

    public void Write(Span<byte> destination)
    {
        destination[6] = (byte)(OpenedLength >> 16);
        destination[0] = (byte)Length;
        destination[1] = (byte)(Length >> 8);
        destination[2] = (byte)(Length >> 16);
        destination[3] = Sequence;
        destination[4] = (byte)OpenedLength;
        destination[5] = (byte)(OpenedLength >> 8);
    }
}
