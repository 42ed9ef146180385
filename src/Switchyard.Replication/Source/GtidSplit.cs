using Switchyard.Binlog;

namespace Switchyard.Replication.Source;

/// <summary>Tells, event by event through a log, what is applied from what is not.</summary>
internal interface IGtidSplit
{
    /// <summary>What is applied and was not met, though it must be; null when nothing is missing.</summary>
    string? Missing { get; }

    /// <summary>A transaction met before what is applied, which the server before did not have; null when there is none.</summary>
    string? Stranger { get; }

    /// <summary>True for a transaction that is applied, false for one that is not, null for what begins no transaction.</summary>
    bool? Judge(BinlogEvent next);
}

/// <summary>MySQL's sets name every transaction. That all of it is there was read from gtid_executed.</summary>
internal sealed class MySqlGtidSplit(string applied) : IGtidSplit
{
    private readonly MySqlGtidSet _applied = MySqlGtidSet.Parse(applied);

    public string? Missing => null;

    // It is not in the set, so it counts as not applied.
    public string? Stranger => null;

    public bool? Judge(BinlogEvent next) => next is GtidEvent { Uuid: { } uuid } gtid ? _applied.Contains(uuid, gtid.Tag, gtid.Number) : null;
}

/// <summary>
/// MariaDB's position is the last transaction of each domain: what comes before it in the log, of its domain, is applied, provided that the server before had
/// logged the same. Between servers numbers are not compared, since in one domain they need not rise.
/// </summary>
internal sealed class MariaDbGtidSplit : IGtidSplit
{
    private readonly MariaDbGtidState _applied;
    private readonly MariaDbGtidState _met = new();
    private readonly Dictionary<uint, MariaDbGtid> _ahead;

    public MariaDbGtidSplit(string applied)
    {
        _applied = MariaDbGtidState.Parse(applied);
        _ahead = _applied.Position.ToDictionary(g => g.Domain);
    }

    public string? Missing => _ahead.Count == 0 ? null : string.Join(',', _ahead.Values);

    public string? Stranger { get; private set; }

    public bool? Judge(BinlogEvent next)
    {
        switch (next)
        {
            case MariaDbGtidListEvent list:
                foreach (var before in list.Gtids)
                {
                    _met.Add(before);
                }

                // At a file's beginning: of each domain's entries the last one is its latest transaction.
                foreach (var last in _met.Position)
                {
                    Reach(last);
                }

                return null;
            case MariaDbGtidEvent gtid:
                var isAhead = _ahead.ContainsKey(gtid.Gtid.Domain);
                _met.Add(gtid.Gtid);
                Reach(gtid.Gtid);
                return isAhead;
            default:
                return null;
        }
    }

    private void Reach(MariaDbGtid gtid)
    {
        if (_ahead.TryGetValue(gtid.Domain, out var mine) && mine == gtid)
        {
            _ahead.Remove(gtid.Domain);
            Stranger ??= _met.FindMissing(_applied, gtid.Domain)?.ToString();
        }
    }
}
