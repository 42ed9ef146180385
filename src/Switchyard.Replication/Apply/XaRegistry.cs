using Switchyard.Binlog;
using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Apply;

/// <summary>
/// The XA transactions a stream has seen prepared and not ended. Lives as long as the stream; what the target has written down of them counts after a
/// broken connection. Members may be called from any thread.
/// </summary>
/// <param name="tables">The stream's tables.</param>
/// <param name="maxBytes">Changes kept for all of them together; those of a larger one are read again when it is committed.</param>
internal sealed class XaRegistry(StreamTables tables, long maxBytes)
{
    // Whatever is still on its way into the engine is one of the last ended: each needs a session of the server.
    private const int MaxEnded = 65_536;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, XaBranch> _open = [];
    private readonly HashSet<string> _others = [];
    private readonly Queue<string> _ended = new();
    private long _bytes;

    /// <summary>
    /// Counts the ends of transactions on tables with cascading foreign keys, as applied: MariaDB's snapshot position does not tell whether one is in it.
    /// Used by the applier alone.
    /// </summary>
    public long CascadingEnds { get; set; }

    /// <summary>Where the events of open transactions begin; the log must reach back to the first.</summary>
    public IReadOnlyList<XaBranch> Open
    {
        get
        {
            lock (_lock)
            {
                return [.. _open.Values];
            }
        }
    }

    /// <summary>
    /// Transactions whose XA COMMIT was read lately, while tables are copied: it is in the log before its rows can be seen, and no position tells when they can.
    /// </summary>
    public IReadOnlyCollection<string> Ended
    {
        get
        {
            lock (_lock)
            {
                return [.. _ended];
            }
        }
    }

    /// <summary>Prepared since the stream was opened, or written down: its changes will come through the stream.</summary>
    public bool IsKnown(string xid)
    {
        lock (_lock)
        {
            return _open.ContainsKey(xid) || _others.Contains(xid);
        }
    }

    /// <summary>Prepared since the stream was opened, and without changes of the stream's tables.</summary>
    public bool IsUnrelated(string xid)
    {
        lock (_lock)
        {
            return _others.Contains(xid);
        }
    }

    /// <summary>After connecting: the log is read on from the last commit, where just these were open.</summary>
    public void Reset(IEnumerable<(string Xid, BinlogPosition Begin)> recorded)
    {
        lock (_lock)
        {
            var before = _open.Values.ToDictionary(b => (b.Xid, b.Begin));
            _open.Clear();
            foreach (var (xid, begin) in recorded)
            {
                _open[xid] = before.GetValueOrDefault((xid, begin)) ?? new XaBranch(xid, begin) { Items = null, HasChanges = true, MeetsCascades = true };
            }

            _bytes = _open.Values.Sum(b => b.Bytes);
        }
    }

    /// <summary>Adds a change to a transaction that is being read.</summary>
    public void Keep(XaBranch branch, StreamItem item)
    {
        branch.HasChanges = true;
        lock (_lock)
        {
            if (branch.Items is null)
            {
                return;
            }

            if (_bytes + item.Bytes > maxBytes)
            {
                _bytes -= branch.Bytes;
                branch.Bytes = 0;
                branch.Items = null;
                return;
            }

            branch.Items.Add(item);
            branch.Bytes += item.Bytes;
            _bytes += item.Bytes;
        }
    }

    public void Prepare(XaBranch branch)
    {
        lock (_lock)
        {
            if (branch.HasChanges)
            {
                _open[branch.Xid] = branch;
            }
            else
            {
                _others.Add(branch.Xid);
            }
        }
    }

    /// <summary>Takes a transaction out; null when nothing of it concerns the stream.</summary>
    public XaBranch? End(string xid)
    {
        lock (_lock)
        {
            _others.Remove(xid);
            if (!_open.Remove(xid, out var branch))
            {
                return null;
            }

            Release(branch);
            if (tables.All.Any(t => t.Copy is not null))
            {
                _ended.Enqueue(xid);
                if (_ended.Count > MaxEnded)
                {
                    _ended.Dequeue();
                }
            }

            return branch;
        }
    }

    /// <summary>A transaction's changes were handed on, or were of no use.</summary>
    public void Forget(XaBranch branch)
    {
        lock (_lock)
        {
            Release(branch);
        }
    }

    /// <summary>These have left the source's list of prepared transactions.</summary>
    public void Settle(IReadOnlyCollection<string> xids)
    {
        lock (_lock)
        {
            var settled = xids.ToHashSet();
            var left = _ended.Where(x => !settled.Contains(x)).ToArray();
            _ended.Clear();
            foreach (var xid in left)
            {
                _ended.Enqueue(xid);
            }
        }
    }

    private void Release(XaBranch branch)
    {
        _bytes -= branch.Bytes;
        branch.Bytes = 0;
    }
}
