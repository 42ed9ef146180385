using System.Collections.Concurrent;

namespace Switchyard.Wire.Compression;

/// <summary>
/// zstd contexts, hundreds of kilobytes each, shared by all connections: one is in use only while a block is being worked on, so a few
/// are enough for any number of connections.
/// </summary>
internal static class ZstdContexts
{
    private static readonly int s_kept = Environment.ProcessorCount * 2;
    private static readonly ConcurrentBag<nint> s_compressors = [];
    private static readonly ConcurrentBag<nint> s_decompressors = [];

    /// <summary>Returns the bytes written; 0 when the destination is too small.</summary>
    public static unsafe int Compress(ReadOnlySpan<byte> source, Span<byte> destination, int level)
    {
        var context = s_compressors.TryTake(out var kept) ? kept : Checked(Zstd.CreateCompressor());
        nuint length;
        fixed (byte* from = source)
        fixed (byte* to = destination)
        {
            length = Zstd.CompressBlock(context, to, (nuint)destination.Length, from, (nuint)source.Length, level);
        }

        if (s_compressors.Count < s_kept)
        {
            s_compressors.Add(context);
        }
        else
        {
            _ = Zstd.FreeCompressor(context);
        }

        // The one error there can be is that the destination is too small.
        return Zstd.IsError(length) != 0 ? 0 : (int)length;
    }

    /// <summary>Returns the bytes written; -1 when the source is no zstd block or holds more than the destination.</summary>
    public static unsafe int Decompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        var context = s_decompressors.TryTake(out var kept) ? kept : Checked(Zstd.CreateDecompressor());
        nuint length;
        fixed (byte* from = source)
        fixed (byte* to = destination)
        {
            length = Zstd.DecompressBlock(context, to, (nuint)destination.Length, from, (nuint)source.Length);
        }

        if (s_decompressors.Count < s_kept)
        {
            s_decompressors.Add(context);
        }
        else
        {
            _ = Zstd.FreeDecompressor(context);
        }

        return Zstd.IsError(length) != 0 ? -1 : (int)length;
    }

    private static nint Checked(nint context) =>
        context != 0 ? context : throw new InvalidOperationException("libzstd could not create a context: out of memory.");
}
