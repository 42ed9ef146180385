using System.Globalization;

namespace Switchyard.Binlog;

/// <summary>
/// A place in a server's binary log: file and byte offset. Ordered by the number at the end of the file name, then by offset, which is the
/// order in which the server wrote.
/// </summary>
/// <param name="File">The log file's name without a directory, for instance <c>binlog.000042</c>.</param>
/// <param name="Offset">Bytes from the file's beginning. 64 bits: a file can pass 4 GiB when one transaction does.</param>
public readonly record struct BinlogPosition(string File, ulong Offset) : IComparable<BinlogPosition>
{
    /// <summary>The first event of a file starts after the four magic bytes.</summary>
    public const ulong FirstOffset = 4;

    /// <summary>The number at the end of the file name.</summary>
    public ulong FileNumber
    {
        get
        {
            var dot = File?.LastIndexOf('.') ?? -1;
            return dot >= 0 && ulong.TryParse(File.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
        }
    }

    /// <summary>Parses <c>file:offset</c>.</summary>
    /// <exception cref="FormatException">The text is not of that form.</exception>
    public static BinlogPosition Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !ulong.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
        {
            throw new FormatException($"'{text}' is not a binary log position; write it as FILE:OFFSET, for instance binlog.000042:154.");
        }

        return new BinlogPosition(text[..colon], offset);
    }

    /// <inheritdoc/>
    public int CompareTo(BinlogPosition other)
    {
        var byFile = FileNumber.CompareTo(other.FileNumber);
        return byFile != 0 ? byFile : Offset.CompareTo(other.Offset);
    }

    /// <summary><c>file:offset</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{File}:{Offset}");

    public static bool operator <(BinlogPosition left, BinlogPosition right) => left.CompareTo(right) < 0;

    public static bool operator >(BinlogPosition left, BinlogPosition right) => left.CompareTo(right) > 0;

    public static bool operator <=(BinlogPosition left, BinlogPosition right) => left.CompareTo(right) <= 0;

    public static bool operator >=(BinlogPosition left, BinlogPosition right) => left.CompareTo(right) >= 0;
}
