using Switchyard.Binlog;

namespace Switchyard.Replication.Source;

/// <summary>Tells, event by event through a log, what is applied from what is not.</summary>
internal interface IGtidSplit
{
    /// <summary>What is applied and was not met, though it must be; null when nothing is missing.</summary>
    string? Missing { get; }

    /// <summary>True for a transaction that is applied, false for one that is not, null for what begins no transaction.</summary>
    bool? Judge(BinlogEvent next);
}

/// <summary>MySQL's sets name every transaction. That all of it is there was read from gtid_executed.</summary>
internal sealed class MySqlGtidSplit(string applied) : IGtidSplit
{
    private readonly MySqlGtidSet _applied = MySqlGtidSet.Parse(applied);

    public string? Missing => null;

    public bool? Judge(BinlogEvent next) => next is GtidEvent { Uuid: { } uuid } gtid ? _applied.Contains(uuid, gtid.Tag, gtid.Number) : null;
}

/// <summary>
/// MariaDB's position is the last transaction of each domain: what comes before it in the log, of its domain, is applied. Numbers are not compared, since in one
/// domain they need not rise.
/// </summary>
internal sealed class MariaDbGtidSplit(string applied) : IGtidSplit
{
    private readonly Dictionary<uint, MariaDbGtid> _ahead = MariaDbGtidSet.Parse(applied).Gtids.ToDictionary(g => g.Domain);

    public string? Missing => _ahead.Count == 0 ? null : string.Join(',', _ahead.Values);

    public bool? Judge(BinlogEvent next)
    {
        switch (next)
        {
            case MariaDbGtidListEvent list:
                // At a file's beginning: of each domain's entries the last one is its latest transaction.
                foreach (var last in list.Gtids.GroupBy(g => g.Domain).Select(d => d.Last()))
                {
                    Reach(last);
                }

                return null;
            case MariaDbGtidEvent gtid:
                var isAhead = _ahead.ContainsKey(gtid.Gtid.Domain);
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
        }
    }
}
