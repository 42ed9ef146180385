namespace Switchyard.Wire.Auth.Curve;

/// <summary>A point of the twisted Edwards curve of Ed25519, in extended coordinates.</summary>
/// <remarks>RFC 8032, section 5.1. The addition formula there is complete, so it doubles as well and knows no special cases.</remarks>
internal readonly struct CurvePoint(FieldElement x, FieldElement y, FieldElement z, FieldElement t)
{
    private const int ScalarBits = 256;

    // 2d, where d = −121665/121666.
    private static readonly FieldElement s_twiceD = FieldElement.Read(Convert.FromHexString("59f1b226949bd6eb56b183829a14e00030d1f3eef2808e19e7fcdf56dcd90624"));

    private static readonly FieldElement s_baseX = FieldElement.Read(Convert.FromHexString("1ad5258f602d56c9b2a7259560c72c695cdcd6fd31e2a4c0fe536ecdd3366921"));
    private static readonly FieldElement s_baseY = FieldElement.Read(Convert.FromHexString("5866666666666666666666666666666666666666666666666666666666666666"));

    private readonly FieldElement _x = x, _y = y, _z = z, _t = t;

    public static CurvePoint Base => new(s_baseX, s_baseY, FieldElement.One, s_baseX * s_baseY);

    public static CurvePoint operator +(CurvePoint a, CurvePoint b)
    {
        var first = (a._y - a._x) * (b._y - b._x);
        var second = (a._y + a._x) * (b._y + b._x);
        var third = a._t * s_twiceD * b._t;
        var fourth = (a._z + a._z) * b._z;
        var (e, f, g, h) = (second - first, fourth - third, fourth + third, second + first);
        return new(e * f, g * h, f * g, e * h);
    }

    /// <summary>Times a number of 32 bytes, the lowest first; takes the same steps whatever the number is.</summary>
    public static CurvePoint operator *(ReadOnlySpan<byte> scalar, CurvePoint point)
    {
        var result = new CurvePoint(FieldElement.Zero, FieldElement.One, FieldElement.One, FieldElement.Zero);
        for (var bit = ScalarBits - 1; bit >= 0; bit--)
        {
            result += result;
            var sum = result + point;
            var choice = (ulong)(scalar[bit / 8] >> (bit % 8)) & 1;
            result = new(
                FieldElement.Select(choice, sum._x, result._x),
                FieldElement.Select(choice, sum._y, result._y),
                FieldElement.Select(choice, sum._z, result._z),
                FieldElement.Select(choice, sum._t, result._t));
        }

        return result;
    }

    /// <summary>The 32 bytes that stand for the point: y, and the lowest bit of x on top.</summary>
    public byte[] Encode()
    {
        var inverse = _z.Invert();
        var bytes = new byte[FieldElement.Size];
        (_y * inverse).Write(bytes);
        Span<byte> x = stackalloc byte[FieldElement.Size];
        (_x * inverse).Write(x);
        bytes[^1] |= (byte)(x[0] << 7);
        return bytes;
    }
}
