namespace Switchyard.Binlog;

/// <summary>
/// A MariaDB replication position: the last GTID of each domain, which stands for everything before it in that domain. Mutable through
/// <see cref="Add"/>; not thread-safe.
/// </summary>
public sealed class MariaDbGtidSet : IEquatable<MariaDbGtidSet>
{
    private readonly SortedDictionary<uint, MariaDbGtid> _domains = [];

    /// <summary>Whether nothing was executed.</summary>
    public bool IsEmpty => _domains.Count == 0;

    /// <summary>The last GTID of each domain, by domain.</summary>
    public IReadOnlyCollection<MariaDbGtid> Gtids => _domains.Values;

    /// <summary>Parses <c>0-1-100,1-2-7</c>; of several GTIDs of one domain the one with the highest sequence number counts.</summary>
    /// <exception cref="FormatException">The text is not of that form.</exception>
    public static MariaDbGtidSet Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var set = new MariaDbGtidSet();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var gtid = MariaDbGtid.Parse(part);
            if (!set.Contains(gtid))
            {
                set.Add(gtid);
            }
        }

        return set;
    }

    /// <summary>Records that a GTID was executed; it becomes its domain's position.</summary>
    public void Add(MariaDbGtid gtid) => _domains[gtid.Domain] = gtid;

    /// <summary>Whether a GTID lies at or before its domain's position.</summary>
    public bool Contains(MariaDbGtid gtid) => _domains.TryGetValue(gtid.Domain, out var last) && last.Sequence >= gtid.Sequence;

    /// <summary>Whether every domain of the other position lies at or before this one.</summary>
    public bool Contains(MariaDbGtidSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return other._domains.Values.All(Contains);
    }

    /// <summary>A new position with the later of both in each domain.</summary>
    public MariaDbGtidSet Union(MariaDbGtidSet other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var result = new MariaDbGtidSet();
        foreach (var gtid in _domains.Values.Concat(other._domains.Values))
        {
            if (!result.Contains(gtid))
            {
                result.Add(gtid);
            }
        }

        return result;
    }

    /// <inheritdoc/>
    public bool Equals(MariaDbGtidSet? other) => other is not null && ToString() == other.ToString();

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as MariaDbGtidSet);

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <summary>The form <c>@slave_connect_state</c> and <c>@@gtid_slave_pos</c> take.</summary>
    public override string ToString() => string.Join(',', _domains.Values);
}
