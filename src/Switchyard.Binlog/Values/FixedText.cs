using System.Buffers.Binary;

namespace Switchyard.Binlog.Values;

/// <summary>
/// MariaDB's UUID, INET4 and INET6, logged as plain bytes in printing order. Sources: MariaDB plugin/type_uuid/sql_type_uuid.h (pack) and
/// plugin/type_inet/sql_type_inet.cc (to_string).
/// </summary>
internal static class FixedText
{
    internal const int MaxLength = 16;
    internal const int MaxTextLength = 48;

    internal static int SizeOf(TextForm form) => form == TextForm.Inet4 ? 4 : 16;

    internal static int Format(TextForm form, ReadOnlySpan<byte> bytes, Span<byte> target)
    {
        switch (form)
        {
            case TextForm.Uuid:
                _ = new Guid(bytes, bigEndian: true).TryFormat(target, out var written, "D");
                return written;
            case TextForm.Inet4:
                return Inet4(bytes, target);
            default:
                return Inet6(bytes, target);
        }
    }

    private static int Inet4(ReadOnlySpan<byte> bytes, Span<byte> target)
    {
        var at = 0;
        for (var i = 0; i < 4; i++)
        {
            if (i > 0)
            {
                target[at++] = (byte)'.';
            }

            _ = bytes[i].TryFormat(target[at..], out var written);
            at += written;
        }

        return at;
    }

    /// <summary>The longest run of zero groups becomes "::"; addresses that embed an IPv4 one end in its dotted form.</summary>
    private static int Inet6(ReadOnlySpan<byte> bytes, Span<byte> target)
    {
        Span<ushort> groups = stackalloc ushort[8];
        for (var i = 0; i < 8; i++)
        {
            groups[i] = BinaryPrimitives.ReadUInt16BigEndian(bytes[(2 * i)..]);
        }

        int gapStart = -1, gapLength = 0;
        for (var i = 0; i < 8; i++)
        {
            var run = 0;
            while (i + run < 8 && groups[i + run] == 0)
            {
                run++;
            }

            if (run > gapLength)
            {
                (gapStart, gapLength) = (i, run);
            }

            i += Math.Max(run - 1, 0);
        }

        var at = 0;
        for (var i = 0; i < 8; i++)
        {
            if (i == gapStart)
            {
                if (i == 0)
                {
                    target[at++] = (byte)':';
                }

                target[at++] = (byte)':';
                i += gapLength - 1;
                continue;
            }

            var embedsIpv4 = i == 6 && gapStart == 0 && (gapLength == 6 || (gapLength == 5 && groups[5] == 0xFFFF));
            if (embedsIpv4)
            {
                return at + Inet4(bytes[12..], target[at..]);
            }

            _ = groups[i].TryFormat(target[at..], out var written, "x");
            at += written;
            if (i < 7)
            {
                target[at++] = (byte)':';
            }
        }

        return at;
    }
}
