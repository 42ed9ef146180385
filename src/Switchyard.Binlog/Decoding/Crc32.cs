using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Switchyard.Client;

namespace Switchyard.Binlog.Decoding;

/// <summary>
/// CRC-32 as zlib computes it (polynomial 0xEDB88320): eight bytes a step by tables, or 64 by carry-less multiplication where the processor has it. Source of the latter and its
/// constants: Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009).
/// </summary>
internal static class Crc32
{
    private static readonly uint[] Tables = BuildTables();

    // Folding what is 64, and 16, bytes further on.
    private static readonly Vector128<ulong> By64 = Vector128.Create(0x1_5444_2BD4UL, 0x1_C6E4_1596UL);
    private static readonly Vector128<ulong> By16 = Vector128.Create(0x1_7519_97D0UL, 0x0_CCAA_009EUL);

    internal static uint Compute(ReadOnlySpan<byte> bytes) => ~Continue(~0u, bytes);

    /// <summary>In steps, so that bytes of a file need not be resident all at once.</summary>
    internal static uint Compute(ReadOnlyMemory<byte> bytes)
    {
        var crc = ~0u;
        while (!bytes.IsEmpty)
        {
            var step = SpilledBytes.TakeStep(ref bytes);
            crc = Continue(crc, step.Span);
            SpilledBytes.Release(step);
        }

        return ~crc;
    }

    /// <summary>By tables alone, on any processor.</summary>
    internal static uint ComputeByTables(ReadOnlySpan<byte> bytes) => ~Append(~0u, bytes);

    private static uint Continue(uint crc, ReadOnlySpan<byte> bytes) =>
        Pclmulqdq.IsSupported && bytes.Length >= 128 ? AppendFolded(crc, bytes) : Append(crc, bytes);

    private static uint AppendFolded(uint crc, ReadOnlySpan<byte> bytes)
    {
        var blocks = MemoryMarshal.Cast<byte, Vector128<ulong>>(bytes);
        var a = blocks[0] ^ Vector128.CreateScalar((ulong)crc);
        var (b, c, d) = (blocks[1], blocks[2], blocks[3]);
        var at = 4;
        for (; at + 4 <= blocks.Length; at += 4)
        {
            a = Fold(a, By64) ^ blocks[at];
            b = Fold(b, By64) ^ blocks[at + 1];
            c = Fold(c, By64) ^ blocks[at + 2];
            d = Fold(d, By64) ^ blocks[at + 3];
        }

        a = Fold(Fold(Fold(a, By16) ^ b, By16) ^ c, By16) ^ d;
        for (; at < blocks.Length; at++)
        {
            a = Fold(a, By16) ^ blocks[at];
        }

        // The 16 bytes left have the same remainder as all of those before.
        Span<Vector128<ulong>> left = [a];
        return Append(Append(0, MemoryMarshal.AsBytes(left)), bytes[(blocks.Length * 16)..]);
    }

    private static Vector128<ulong> Fold(Vector128<ulong> value, Vector128<ulong> by) =>
        Pclmulqdq.CarrylessMultiply(value, by, 0x00) ^ Pclmulqdq.CarrylessMultiply(value, by, 0x11);

    private static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        var t = Tables.AsSpan(0, 8 * 256);
        while (bytes.Length >= 8)
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ crc;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            crc = t[(7 * 256) + (int)(low & 0xFF)] ^ t[(6 * 256) + (int)((low >> 8) & 0xFF)]
                ^ t[(5 * 256) + (int)((low >> 16) & 0xFF)] ^ t[(4 * 256) + (int)(low >> 24)]
                ^ t[(3 * 256) + (int)(high & 0xFF)] ^ t[(2 * 256) + (int)((high >> 8) & 0xFF)]
                ^ t[256 + (int)((high >> 16) & 0xFF)] ^ t[(int)(high >> 24)];
            bytes = bytes[8..];
        }

        foreach (var b in bytes)
        {
            crc = t[(int)((crc ^ b) & 0xFF)] ^ (crc >> 8);
        }

        return crc;
    }

    private static uint[] BuildTables()
    {
        var tables = new uint[8 * 256];
        for (var i = 0; i < 256; i++)
        {
            var value = (uint)i;
            for (var bit = 0; bit < 8; bit++)
            {
                value = (value & 1) != 0 ? (value >> 1) ^ 0xEDB88320u : value >> 1;
            }

            tables[i] = value;
        }

        for (var i = 256; i < tables.Length; i++)
        {
            tables[i] = (tables[i - 256] >> 8) ^ tables[(int)(tables[i - 256] & 0xFF)];
        }

        return tables;
    }
}
