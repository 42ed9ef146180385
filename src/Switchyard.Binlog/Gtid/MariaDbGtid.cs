using System.Globalization;

namespace Switchyard.Binlog;

/// <summary>A MariaDB GTID: replication domain, originating server, sequence number.</summary>
public readonly record struct MariaDbGtid(uint Domain, uint ServerId, ulong Sequence)
{
    /// <summary>Parses <c>domain-server-sequence</c>.</summary>
    /// <exception cref="FormatException">The text is not of that form.</exception>
    public static MariaDbGtid Parse(ReadOnlySpan<char> text)
    {
        var first = text.IndexOf('-');
        var second = first < 0 ? -1 : text[(first + 1)..].IndexOf('-') + first + 1;
        if (first <= 0 || second <= first
            || !uint.TryParse(text[..first], NumberStyles.None, CultureInfo.InvariantCulture, out var domain)
            || !uint.TryParse(text[(first + 1)..second], NumberStyles.None, CultureInfo.InvariantCulture, out var server)
            || !ulong.TryParse(text[(second + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
        {
            throw new FormatException($"'{text}' is not a MariaDB GTID; write it as DOMAIN-SERVER-SEQUENCE, for instance 0-1-42.");
        }

        return new MariaDbGtid(domain, server, sequence);
    }

    /// <summary><c>domain-server-sequence</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Domain}-{ServerId}-{Sequence}");
}
