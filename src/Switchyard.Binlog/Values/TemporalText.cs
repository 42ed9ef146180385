using Switchyard.Binlog.Decoding;

namespace Switchyard.Binlog.Values;

/// <summary>
/// Dates and times as the servers print them. Sources: sql-common/my_time.cc (the *_packed_from_binary functions) and, for the formats before
/// MySQL 5.6, sql/field.cc.
/// </summary>
internal static class TemporalText
{
    private const long DateTimeBias = 0x8000000000;
    private const long SecondsPerDay = 86400;

    internal static int Year(byte value, Span<byte> target)
    {
        Digits(target, value == 0 ? 0 : 1900u + value, 4);
        return 4;
    }

    /// <summary>Three bytes: 5 bits day, 4 bits month, 15 bits year.</summary>
    internal static int Date(uint value, Span<byte> target) =>
        WriteDate(target, value >> 9, (value >> 5) & 15, value & 31);

    /// <summary>Big-endian, biased; a fraction belongs to the number as a whole, so negative times borrow.</summary>
    internal static int Time2(ReadOnlySpan<byte> bytes, int digits, Span<byte> target)
    {
        var bits = 8 * bytes.Length;
        var value = (long)EventSpan.BigEndian(bytes) - (1L << (bits - 1));
        var fractionBits = bits - 24;
        var magnitude = Math.Abs(value);
        var fraction = (uint)(magnitude & ((1L << fractionBits) - 1));
        var whole = magnitude >> fractionBits;
        return WriteTime(
            target, value < 0, (uint)(whole >> 12) & 1023, (uint)(whole >> 6) & 63, (uint)whole & 63, FractionToMicros(fraction, digits), digits);
    }

    internal static int DateTime2(ReadOnlySpan<byte> bytes, int digits, Span<byte> target)
    {
        var value = (long)EventSpan.BigEndian(bytes[..5]) - DateTimeBias;
        var yearMonth = (uint)(value >> 22);
        var written = WriteDate(target, yearMonth / 13, yearMonth % 13, (uint)(value >> 17) & 31);
        target[written++] = (byte)' ';
        return written + WriteTime(
            target[written..], false, (uint)(value >> 12) & 31, (uint)(value >> 6) & 63, (uint)value & 63, ReadFraction(bytes[5..], digits), digits);
    }

    internal static int Timestamp2(ReadOnlySpan<byte> bytes, int digits, Span<byte> target) =>
        Timestamp((uint)EventSpan.BigEndian(bytes[..4]), ReadFraction(bytes[4..], digits), digits, target);

    /// <summary>Seconds since 1970, printed in UTC; zero is the zero date.</summary>
    internal static int Timestamp(uint seconds, uint micros, int digits, Span<byte> target)
    {
        int written;
        uint time = 0;
        if (seconds == 0 && micros == 0)
        {
            written = WriteDate(target, 0, 0, 0);
        }
        else
        {
            var date = DateOnly.FromDayNumber(DateOnly.FromDateTime(System.DateTime.UnixEpoch).DayNumber + (int)(seconds / SecondsPerDay));
            written = WriteDate(target, (uint)date.Year, (uint)date.Month, (uint)date.Day);
            time = (uint)(seconds % SecondsPerDay);
        }

        target[written++] = (byte)' ';
        return written + WriteTime(target[written..], false, time / 3600, time / 60 % 60, time % 60, micros, digits);
    }

    /// <summary>Before MySQL 5.6: hhmmss as a signed 24-bit number.</summary>
    internal static int OldTime(ReadOnlySpan<byte> bytes, Span<byte> target)
    {
        var value = (int)((uint)EventSpan.LittleEndian(bytes) << 8) >> 8;
        var magnitude = (uint)Math.Abs(value);
        return WriteTime(target, value < 0, magnitude / 10000, magnitude / 100 % 100, magnitude % 100, 0, 0);
    }

    /// <summary>Before MySQL 5.6: YYYYMMDDhhmmss as a number.</summary>
    internal static int OldDateTime(ulong value, Span<byte> target)
    {
        var (date, time) = ((uint)(value / 1000000), (uint)(value % 1000000));
        var written = WriteDate(target, date / 10000, date / 100 % 100, date % 100);
        target[written++] = (byte)' ';
        return written + WriteTime(target[written..], false, time / 10000, time / 100 % 100, time % 100, 0, 0);
    }

    /// <summary>The packed 64-bit form inside MySQL JSON: date and time above 24 bits of microseconds.</summary>
    internal static int JsonDateTime(long packed, bool withTime, Span<byte> target)
    {
        var value = Math.Abs(packed);
        var micros = (uint)(value & 0xFFFFFF);
        var whole = value >> 24;
        var yearMonth = (uint)(whole >> 22);
        var written = WriteDate(target, yearMonth / 13, yearMonth % 13, (uint)(whole >> 17) & 31);
        if (!withTime)
        {
            return written;
        }

        target[written++] = (byte)' ';
        return written + WriteTime(target[written..], false, (uint)(whole >> 12) & 31, (uint)(whole >> 6) & 63, (uint)whole & 63, micros, 6);
    }

    internal static int JsonTime(long packed, Span<byte> target)
    {
        var value = Math.Abs(packed);
        var whole = value >> 24;
        return WriteTime(
            target, packed < 0, (uint)(whole >> 12) & 1023, (uint)(whole >> 6) & 63, (uint)whole & 63, (uint)(value & 0xFFFFFF), 6);
    }

    private static uint ReadFraction(ReadOnlySpan<byte> bytes, int digits) => FractionToMicros((uint)EventSpan.BigEndian(bytes), digits);

    /// <summary>One byte holds hundredths, two ten-thousandths, three microseconds.</summary>
    private static uint FractionToMicros(uint fraction, int digits) => digits switch
    {
        0 => 0,
        1 or 2 => fraction * 10000,
        3 or 4 => fraction * 100,
        _ => fraction,
    };

    private static int WriteDate(Span<byte> target, uint year, uint month, uint day)
    {
        Digits(target, year, 4);
        target[4] = (byte)'-';
        Digits(target[5..], month, 2);
        target[7] = (byte)'-';
        Digits(target[8..], day, 2);
        return 10;
    }

    private static int WriteTime(Span<byte> target, bool negative, uint hour, uint minute, uint second, uint micros, int digits)
    {
        var at = 0;
        if (negative)
        {
            target[at++] = (byte)'-';
        }

        var hourDigits = hour > 99 ? 3 : 2;
        Digits(target[at..], hour, hourDigits);
        at += hourDigits;
        target[at++] = (byte)':';
        Digits(target[at..], minute, 2);
        at += 2;
        target[at++] = (byte)':';
        Digits(target[at..], second, 2);
        at += 2;
        if (digits > 0)
        {
            Span<byte> fraction = stackalloc byte[6];
            Digits(fraction, micros, 6);
            target[at++] = (byte)'.';
            fraction[..digits].CopyTo(target[at..]);
            at += digits;
        }

        return at;
    }

    private static void Digits(Span<byte> target, uint value, int count)
    {
        for (var i = count - 1; i >= 0; i--)
        {
            target[i] = (byte)('0' + (value % 10));
            value /= 10;
        }
    }
}
