using Switchyard.Binlog;
using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Apply;

/// <summary>What one source transaction touches, as far as it can meet other transactions.</summary>
internal sealed class TransactionKeys
{
    /// <summary>Keys: met by the same key.</summary>
    public List<ulong> Keys { get; } = [];

    /// <summary>Tables of which only known keys are touched: their number of all changes, and that of the changes whose keys are not known.</summary>
    public List<(ulong Any, ulong Untold, bool IsTold)> Tables { get; } = [];

    /// <summary>It may run only when everything before it is committed, and nothing after it before it is.</summary>
    public bool IsAlone { get; set; }

    public void Add(TablePlan plan, RowChange change)
    {
        var conflicts = plan.Conflicts;
        IsAlone |= !conflicts.IsTransactional;
        var told = (!change.Before.IsPresent || conflicts.TryCollect(change.Before, Keys)) & (!change.After.IsPresent || conflicts.TryCollect(change.After, Keys));
        var any = conflicts.Any;
        for (var i = 0; i < Tables.Count; i++)
        {
            if (Tables[i].Any == any)
            {
                if (!told && Tables[i].IsTold)
                {
                    Tables[i] = Tables[i] with { IsTold = false };
                }

                return;
            }
        }

        Tables.Add((any, conflicts.Untold, told));
    }

    public void Clear()
    {
        Keys.Clear();
        Tables.Clear();
        IsAlone = false;
    }
}

/// <summary>
/// Which transactions may run ahead of their turn. For each key it knows the last group that touched it, and whether there in the part that waits for
/// its turn. Keys share places in a table of fixed size: what shares a place seems to meet, which is safe.
/// </summary>
internal sealed class ConflictMap
{
    private const int Places = 1 << 20;

    // The group's number, doubled; one more when it is in the part that waits.
    private readonly long[] _last = new long[Places];
    private long _alone;

    /// <summary>Whether a transaction of a group meets one that is not committed and not surely before it.</summary>
    public bool Meets(TransactionKeys keys, long committed, long group)
    {
        if (keys.IsAlone || IsAhead(_alone, committed, group))
        {
            return true;
        }

        foreach (var (any, untold, isTold) in keys.Tables)
        {
            if (IsAhead(this[untold], committed, group) || (!isTold && IsAhead(this[any], committed, group)))
            {
                return true;
            }
        }

        foreach (var key in keys.Keys)
        {
            if (IsAhead(this[key], committed, group))
            {
                return true;
            }
        }

        return false;
    }

    public void Record(TransactionKeys keys, long group, bool waits)
    {
        var value = (group * 2) + (waits ? 1 : 0);
        foreach (var (any, untold, isTold) in keys.Tables)
        {
            Raise(any, value);
            if (!isTold)
            {
                Raise(untold, value);
            }
        }

        foreach (var key in keys.Keys)
        {
            Raise(key, value);
        }

        if (keys.IsAlone)
        {
            _alone = Math.Max(_alone, value);
        }
    }

    private ref long this[ulong key] => ref _last[(key >> 20) & (Places - 1)];

    // Within one group both parts keep the source's order, and the waiting part comes second.
    private static bool IsAhead(long last, long committed, long group) =>
        (last >> 1) > committed && ((last >> 1) != group || (last & 1) == 1);

    private void Raise(ulong key, long value)
    {
        ref var last = ref this[key];
        last = Math.Max(last, value);
    }
}
