using System.IO.Compression;

namespace Switchyard.Wire.Compression;

/// <summary>Compresses and opens the contents of compressed packets. Safe from any thread.</summary>
public static class PacketCompressor
{
    /// <summary>Shorter contents are sent as they are, as servers and clients do (MIN_COMPRESS_LENGTH).</summary>
    public const int MinLength = 50;

    /// <summary>What MySQL's clients ask for when nobody says otherwise; from 1 to 22.</summary>
    public const int DefaultZstdLevel = 3;

    /// <summary>Compresses; returns the bytes written, or 0 when they would not be fewer than the destination holds.</summary>
    public static int Compress(CompressionKind kind, int level, ReadOnlySpan<byte> source, Span<byte> destination) =>
        source.Length < MinLength ? 0
        : kind == CompressionKind.Zstd ? ZstdContexts.Compress(source, destination, level)
        : Deflate(source, destination);

    /// <summary>Opens into a destination of exactly the length announced.</summary>
    /// <exception cref="MalformedPacketException">It is not what was announced.</exception>
    public static void Open(CompressionKind kind, ReadOnlySpan<byte> source, Span<byte> destination)
    {
        var length = kind == CompressionKind.Zstd ? ZstdContexts.Decompress(source, destination) : Inflate(source, destination);
        if (length != destination.Length)
        {
            throw new MalformedPacketException($"A compressed packet announced {destination.Length} bytes and does not open to that many.");
        }
    }

    private static unsafe int Deflate(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        fixed (byte* start = destination)
        {
            using var target = new UnmanagedMemoryStream(start, 0, destination.Length, FileAccess.Write);
            try
            {
                using var deflater = new ZLibStream(target, CompressionLevel.Optimal, leaveOpen: true);
                deflater.Write(source);
            }
            catch (NotSupportedException)
            {
                // The target is full: the contents do not get shorter.
                return 0;
            }

            return (int)target.Position;
        }
    }

    private static unsafe int Inflate(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (source.IsEmpty)
        {
            // It has no address either.
            return 0;
        }

        fixed (byte* start = source)
        {
            using var packed = new UnmanagedMemoryStream(start, source.Length);
            using var inflater = new ZLibStream(packed, CompressionMode.Decompress);
            try
            {
                var length = inflater.ReadAtLeast(destination, destination.Length, throwOnEndOfStream: false);
                return inflater.ReadByte() < 0 ? length : -1;
            }
            catch (InvalidDataException exception)
            {
                throw new MalformedPacketException($"A compressed packet cannot be opened: {exception.Message}");
            }
        }
    }
}
