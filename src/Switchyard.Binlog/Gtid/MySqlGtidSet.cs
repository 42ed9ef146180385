using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Switchyard.Binlog;

/// <summary>
/// A set of MySQL GTIDs: for each server UUID and tag, intervals of transaction numbers. Mutable through <see cref="Add(Guid, string, long)"/>;
/// not thread-safe.
/// </summary>
public sealed class MySqlGtidSet : IEquatable<MySqlGtidSet>
{
    private const int MaxTagLength = 32;

    private readonly SortedDictionary<GtidSource, GtidIntervals> _sources = [];

    /// <summary>Whether there is no GTID in it.</summary>
    public bool IsEmpty => _sources.Count == 0;

    /// <summary>Parses what <c>@@gtid_executed</c> prints: <c>uuid:1-5:7:tag:1-3,uuid:…</c>; whitespace is ignored.</summary>
    /// <exception cref="FormatException">The text is not of that form.</exception>
    public static MySqlGtidSet Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var set = new MySqlGtidSet();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var pieces = part.Split(':', StringSplitOptions.TrimEntries);
            if (pieces.Length < 2 || !Guid.TryParseExact(pieces[0], "D", out var uuid))
            {
                throw Malformed(part);
            }

            var tag = "";
            foreach (var piece in pieces.AsSpan(1))
            {
                if (piece.Length > 0 && (char.IsAsciiLetter(piece[0]) || piece[0] == '_'))
                {
                    tag = piece.Length <= MaxTagLength ? piece.ToLowerInvariant() : throw Malformed(part);
                    continue;
                }

                var dash = piece.IndexOf('-');
                var first = dash < 0 ? piece : piece[..dash];
                var last = dash < 0 ? piece : piece[(dash + 1)..];
                if (!long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var start)
                    || !long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var end)
                    || start < 1 || end < start)
                {
                    throw Malformed(part);
                }

                set.Intervals(new GtidSource(uuid, tag)).Add(start, end);
            }
        }

        return set;
    }

    /// <summary>Adds one GTID.</summary>
    public void Add(Guid uuid, string tag, long number) => Intervals(new GtidSource(uuid, tag)).Add(number, number);

    /// <summary>Adds the GTID of an event; an anonymous one changes nothing.</summary>
    public void Add(GtidEvent gtid)
    {
        ArgumentNullException.ThrowIfNull(gtid);
        if (gtid.Uuid is { } uuid)
        {
            Add(uuid, gtid.Tag, gtid.Number);
        }
    }

    /// <summary>Whether one GTID is in the set.</summary>
    public bool Contains(Guid uuid, string tag, long number) =>
        _sources.TryGetValue(new GtidSource(uuid, tag), out var intervals) && intervals.Contains(number, number);

    /// <summary>Whether every GTID of the other set is in this one.</summary>
    public bool Contains(MySqlGtidSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other._sources.All(o => _sources.TryGetValue(o.Key, out var mine) && o.Value.All(i => mine.Contains(i.First, i.Last)));
    }

    /// <summary>A new set with everything of both.</summary>
    public MySqlGtidSet Union(MySqlGtidSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var result = new MySqlGtidSet();
        foreach (var (source, intervals) in _sources.Concat(other._sources))
        {
            foreach (var (first, last) in intervals)
            {
                result.Intervals(source).Add(first, last);
            }
        }

        return result;
    }

    /// <summary>A new set with what is in this one and not in the other.</summary>
    public MySqlGtidSet Subtract(MySqlGtidSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var result = new MySqlGtidSet();
        foreach (var (source, intervals) in _sources)
        {
            var left = other._sources.TryGetValue(source, out var theirs) ? intervals.Subtract(theirs) : intervals;
            foreach (var (first, last) in left)
            {
                result.Intervals(source).Add(first, last);
            }
        }

        return result;
    }

    /// <summary>
    /// The bytes COM_BINLOG_DUMP_GTID wants. Sets with tags use the tagged encoding of MySQL 8.4, others the classic one. Source: Gtid_set::encode
    /// in sql/rpl_gtid_set.cc.
    /// </summary>
    public byte[] Encode()
    {
        var tagged = _sources.Keys.Any(s => s.Tag.Length > 0);
        using var stream = new MemoryStream();
        Span<byte> number = stackalloc byte[8];
        const ulong taggedFormat = 1;
        var count = (ulong)_sources.Count;
        Write(stream, number, tagged ? (taggedFormat << 56) | (count << 8) | taggedFormat : count);
        Span<byte> uuid = stackalloc byte[16];
        foreach (var (source, intervals) in _sources)
        {
            _ = source.Uuid.TryWriteBytes(uuid, bigEndian: true, out _);
            stream.Write(uuid);
            if (tagged)
            {
                // Lengths under 64 take one byte in the serialization format: the value shifted by its zero length prefix.
                stream.WriteByte((byte)(source.Tag.Length << 1));
                stream.Write(Encoding.ASCII.GetBytes(source.Tag));
            }

            Write(stream, number, (ulong)intervals.Count);
            foreach (var (first, last) in intervals)
            {
                Write(stream, number, (ulong)first);
                Write(stream, number, (ulong)last + 1);
            }
        }

        return stream.ToArray();
    }

    /// <inheritdoc/>
    public bool Equals(MySqlGtidSet? other) => other is not null && ToString() == other.ToString();

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MySqlGtidSet);

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <summary>The servers' own form: sources in order, untagged first, intervals joined.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        Guid? current = null;
        foreach (var (source, intervals) in _sources)
        {
            if (current != source.Uuid)
            {
                text.Append(text.Length > 0 ? "," : "").Append(source.Uuid.ToString("D"));
                current = source.Uuid;
            }

            if (source.Tag.Length > 0)
            {
                text.Append(':').Append(source.Tag);
            }

            foreach (var (first, last) in intervals)
            {
                text.Append(':').Append(first);
                if (last > first)
                {
                    text.Append('-').Append(last);
                }
            }
        }

        return text.ToString();
    }

    private static void Write(MemoryStream stream, Span<byte> buffer, ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(buffer, value);
        stream.Write(buffer);
    }

    private static FormatException Malformed(string part) =>
        new($"'{part}' is not a MySQL GTID set; write it as UUID:FIRST-LAST, for instance 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5.");

    private GtidIntervals Intervals(GtidSource source)
    {
        if (!_sources.TryGetValue(source, out var intervals))
        {
            _sources[source] = intervals = new GtidIntervals();
        }

        return intervals;
    }

    /// <summary>Ordered as the server orders: by the UUID's bytes as printed, then by tag.</summary>
    private readonly record struct GtidSource(Guid Uuid, string Tag) : IComparable<GtidSource>
    {
        public int CompareTo(GtidSource other)
        {
            var byUuid = string.CompareOrdinal(Uuid.ToString("D"), other.Uuid.ToString("D"));
            return byUuid != 0 ? byUuid : string.CompareOrdinal(Tag, other.Tag);
        }
    }
}
