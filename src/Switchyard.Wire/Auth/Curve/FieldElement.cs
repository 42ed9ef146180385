using System.Buffers.Binary;

namespace Switchyard.Wire.Auth.Curve;

/// <summary>
/// A number modulo 2^255 − 19 in five limbs of 51 bits, not fully reduced. No step depends on the value, so that time tells nothing of it.
/// </summary>
/// <remarks>
/// Limbs stay below 2^54: a product's are below 2^52, and no more than two sums or differences lie between two products. 5 · 19 · 2^108 fits 128 bits.
/// </remarks>
internal readonly struct FieldElement(ulong l0, ulong l1, ulong l2, ulong l3, ulong l4)
{
    public const int Size = 32;

    private const int Bits = 51;
    private const ulong Mask = (1UL << Bits) - 1;

    // Four times the prime, limb by limb: what keeps a difference positive.
    private const ulong FourPrimeLow = 4 * (Mask - 18);
    private const ulong FourPrime = 4 * Mask;

    private readonly ulong _l0 = l0, _l1 = l1, _l2 = l2, _l3 = l3, _l4 = l4;

    public static FieldElement Zero => default;

    public static FieldElement One => new(1, 0, 0, 0, 0);

    public static FieldElement operator +(FieldElement a, FieldElement b) =>
        new(a._l0 + b._l0, a._l1 + b._l1, a._l2 + b._l2, a._l3 + b._l3, a._l4 + b._l4);

    public static FieldElement operator -(FieldElement a, FieldElement b) =>
        new(a._l0 + FourPrimeLow - b._l0, a._l1 + FourPrime - b._l1, a._l2 + FourPrime - b._l2, a._l3 + FourPrime - b._l3, a._l4 + FourPrime - b._l4);

    public static FieldElement operator *(FieldElement a, FieldElement b)
    {
        // 2^255 is 19 here, so what leaves at the top comes back at the bottom times 19.
        ulong b1 = 19 * b._l1, b2 = 19 * b._l2, b3 = 19 * b._l3, b4 = 19 * b._l4;
        var r0 = Wide(a._l0, b._l0) + Wide(a._l1, b4) + Wide(a._l2, b3) + Wide(a._l3, b2) + Wide(a._l4, b1);
        var r1 = Wide(a._l0, b._l1) + Wide(a._l1, b._l0) + Wide(a._l2, b4) + Wide(a._l3, b3) + Wide(a._l4, b2);
        var r2 = Wide(a._l0, b._l2) + Wide(a._l1, b._l1) + Wide(a._l2, b._l0) + Wide(a._l3, b4) + Wide(a._l4, b3);
        var r3 = Wide(a._l0, b._l3) + Wide(a._l1, b._l2) + Wide(a._l2, b._l1) + Wide(a._l3, b._l0) + Wide(a._l4, b4);
        var r4 = Wide(a._l0, b._l4) + Wide(a._l1, b._l3) + Wide(a._l2, b._l2) + Wide(a._l3, b._l1) + Wide(a._l4, b._l0);
        r1 += r0 >> Bits;
        r2 += r1 >> Bits;
        r3 += r2 >> Bits;
        r4 += r3 >> Bits;
        var low = ((UInt128)((ulong)r0 & Mask)) + ((r4 >> Bits) * 19);
        return new((ulong)low & Mask, ((ulong)r1 & Mask) + (ulong)(low >> Bits), (ulong)r2 & Mask, (ulong)r3 & Mask, (ulong)r4 & Mask);
    }

    /// <summary>Reads 32 bytes, the lowest first; the topmost bit is ignored.</summary>
    public static FieldElement Read(ReadOnlySpan<byte> bytes)
    {
        var low = BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        return new(
            low & Mask,
            (BinaryPrimitives.ReadUInt64LittleEndian(bytes[6..]) >> 3) & Mask,
            (BinaryPrimitives.ReadUInt64LittleEndian(bytes[12..]) >> 6) & Mask,
            (BinaryPrimitives.ReadUInt64LittleEndian(bytes[19..]) >> 1) & Mask,
            (BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]) >> 12) & Mask);
    }

    /// <summary>One of two, without a branch.</summary>
    /// <param name="choice">1 takes <paramref name="one"/>, 0 <paramref name="zero"/>.</param>
    public static FieldElement Select(ulong choice, FieldElement one, FieldElement zero)
    {
        var mask = 0UL - choice;
        return new(
            (one._l0 & mask) | (zero._l0 & ~mask),
            (one._l1 & mask) | (zero._l1 & ~mask),
            (one._l2 & mask) | (zero._l2 & ~mask),
            (one._l3 & mask) | (zero._l3 & ~mask),
            (one._l4 & mask) | (zero._l4 & ~mask));
    }

    /// <summary>1/this, by the power p − 2, whose bits are all ones but two: 2^255 − 21.</summary>
    public FieldElement Invert()
    {
        var result = One;
        for (var bit = 254; bit >= 0; bit--)
        {
            result *= result;
            if (bit is not (2 or 4))
            {
                result *= this;
            }
        }

        return result;
    }

    /// <summary>Writes the one representation below the prime.</summary>
    public void Write(Span<byte> bytes)
    {
        var (l0, l1, l2, l3, l4) = Carry(_l0, _l1, _l2, _l3, _l4);
        (l0, l1, l2, l3, l4) = Carry(l0, l1, l2, l3, l4);

        // Above the prime or not: adding 19 carries out of bit 255 exactly then.
        var over = (l0 + 19) >> Bits;
        over = (l1 + over) >> Bits;
        over = (l2 + over) >> Bits;
        over = (l3 + over) >> Bits;
        over = (l4 + over) >> Bits;
        l0 += 19 * over;
        l1 += l0 >> Bits;
        l2 += l1 >> Bits;
        l3 += l2 >> Bits;
        l4 += l3 >> Bits;
        l0 &= Mask;
        l1 &= Mask;
        l2 &= Mask;
        l3 &= Mask;
        l4 &= Mask;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, l0 | (l1 << 51));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], (l1 >> 13) | (l2 << 38));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[16..], (l2 >> 26) | (l3 << 25));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[24..], (l3 >> 39) | (l4 << 12));
    }

    private static (ulong, ulong, ulong, ulong, ulong) Carry(ulong l0, ulong l1, ulong l2, ulong l3, ulong l4)
    {
        l1 += l0 >> Bits;
        l2 += l1 >> Bits;
        l3 += l2 >> Bits;
        l4 += l3 >> Bits;
        return ((l0 & Mask) + (19 * (l4 >> Bits)), l1 & Mask, l2 & Mask, l3 & Mask, l4 & Mask);
    }

    private static UInt128 Wide(ulong a, ulong b) => Math.BigMul(a, b);
}
