namespace Switchyard.Binlog;

/// <summary>
/// What a MariaDB server's log holds up to a place: of each domain the last transaction of every server that wrote in it, the latest of all at the end. The form of
/// <c>@@gtid_binlog_state</c> and of the list at a file's beginning. Mutable through <see cref="Add"/>; not thread-safe.
/// </summary>
public sealed class MariaDbGtidState
{
    private readonly SortedDictionary<uint, List<MariaDbGtid>> _domains = [];

    /// <summary>The last transaction of each domain, by domain: the position that a replica would be at.</summary>
    public IEnumerable<MariaDbGtid> Position => _domains.Values.Select(d => d[^1]);

    /// <summary>Parses <c>0-2-90,0-1-100,1-2-7</c>; within a domain, later is last.</summary>
    /// <exception cref="FormatException">The text is not of that form.</exception>
    public static MariaDbGtidState Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var state = new MariaDbGtidState();
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            state.Add(MariaDbGtid.Parse(part));
        }

        return state;
    }

    /// <summary>A transaction follows.</summary>
    public void Add(MariaDbGtid gtid)
    {
        if (!_domains.TryGetValue(gtid.Domain, out var servers))
        {
            _domains[gtid.Domain] = servers = [];
        }

        servers.RemoveAll(g => g.ServerId == gtid.ServerId);
        servers.Add(gtid);
    }

    /// <summary>The last transaction of some server in a domain that another log does not hold; null when it holds all of them.</summary>
    public MariaDbGtid? FindMissing(MariaDbGtidState other, uint domain)
    {
        ArgumentNullException.ThrowIfNull(other);
        var there = other._domains.GetValueOrDefault(domain, []);
        foreach (var gtid in _domains.GetValueOrDefault(domain, []))
        {
            if (!there.Exists(g => g.ServerId == gtid.ServerId && g.Sequence >= gtid.Sequence))
            {
                return gtid;
            }
        }

        return null;
    }

    /// <summary>Whether it tells of every server that another one, of the same log, tells of in the domains of this one.</summary>
    public bool KnowsServersOf(MariaDbGtidState other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return _domains.All(domain => other._domains.GetValueOrDefault(domain.Key, []).TrueForAll(there => domain.Value.Exists(g => g.ServerId == there.ServerId)));
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(',', _domains.Values.SelectMany(d => d));
}
