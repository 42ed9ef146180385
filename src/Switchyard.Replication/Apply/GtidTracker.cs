using Switchyard.Binlog;

namespace Switchyard.Replication.Apply;

/// <summary>The GTIDs applied so far, in the source's own notation; kept beside file and offset.</summary>
internal sealed class GtidTracker
{
    private MySqlGtidSet? _mySql;
    private MariaDbGtidState? _mariaDb;
    private string? _text;

    public GtidTracker(bool isMariaDb, string text)
    {
        if (isMariaDb)
        {
            _mariaDb = MariaDbGtidState.Parse(text);
        }
        else
        {
            _mySql = MySqlGtidSet.Parse(text);
        }
    }

    public string Text => _text ??= (_mySql is not null ? _mySql.ToString() : _mariaDb!.ToString()).Replace("\n", "", StringComparison.Ordinal);

    /// <summary>After connecting: what was read and not committed is read again.</summary>
    public void Reset(string text)
    {
        _text = null;
        if (_mySql is not null)
        {
            _mySql = MySqlGtidSet.Parse(text);
        }
        else
        {
            _mariaDb = MariaDbGtidState.Parse(text);
        }
    }

    /// <summary>
    /// Whether every transaction since the tracker was made had a GTID; otherwise having executed the set says nothing about the others.
    /// </summary>
    public bool IsComplete { get; private set; } = true;

    public void Add(BinlogEvent? gtid)
    {
        switch (gtid)
        {
            case null or GtidEvent { IsAnonymous: true }:
                IsComplete = false;
                break;
            case GtidEvent { IsAnonymous: false } mySql when _mySql is not null:
                _mySql.Add(mySql);
                _text = null;
                break;
            case MariaDbGtidEvent mariaDb when _mariaDb is not null:
                _mariaDb.Add(mariaDb.Gtid);
                _text = null;
                break;
            case MariaDbGtidListEvent before when _mariaDb is not null:
                foreach (var last in before.Gtids)
                {
                    _mariaDb.Add(last);
                }

                _text = null;
                break;
        }
    }
}
