using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Target;

namespace Switchyard.Verification;

/// <summary>What became of a suspect key that turned out to differ.</summary>
internal sealed record Verdict(byte[] Key, byte[]? Left, byte[]? Right, bool Repaired);

/// <summary>
/// Decides about keys whose rows looked different while both sides were being written. A row is the same once the following side, having
/// applied everything the origin could show at the time of the read, shows the same values.
/// </summary>
/// <remarks>
/// Three rounds without any lock settle all but the busiest rows. What still differs is read under a row lock on the authoritative side
/// while replication catches up: nothing can change the row then, so the answer is final. Only one row is locked at a time, so that no
/// deadlock with the application is possible, and only for as long as the application can be let wait.
/// </remarks>
internal sealed class KeyResolver(BackendConnection leftConnection, BackendConnection rightConnection, TablePair table, DiffOptions options)
{
    private const int Rounds = 3;
    private const int LockAttempts = 5;

    // The last time a row may be locked for longer, since rows that change all the time could not be compared else where replication is always a little behind.
    private const int LastLockFactor = 5;

    // A following side with this many differences in one table is broken beyond doubt, and a lock per row would take hours to say the same.
    private const int LockedLimit = 2000;

    // Rows that wait for others to be repaired, each of which is reported by then: what does not fit is left to the next repair.
    private const int MostWaiting = 10_000;

    private readonly RowSource _left = new(leftConnection, table, left: true);
    private readonly RowSource _right = new(rightConnection, table, left: false);
    private readonly OwnTransactionMark? _repair = options.RepairAs is { } stream ? new OwnTransactionMark(stream) : null;
    private readonly List<byte[]> _waiting = [];
    private int _locked;

    /// <summary>The keys that differ, of those given.</summary>
    public async Task<List<Verdict>> ResolveAsync(IReadOnlyCollection<byte[]> suspects, CancellationToken cancellationToken)
    {
        IReadOnlyList<byte[]> open = [.. suspects];
        var last = new List<Verdict>();
        for (var round = 0; round < Rounds && open.Count > 0; round++)
        {
            last = await CompareAsync(open, cancellationToken);
            open = [.. last.Select(v => v.Key)];
        }

        var verdicts = new List<Verdict>();
        foreach (var verdict in last)
        {
            if (_repair is null && _locked >= LockedLimit)
            {
                verdicts.Add(verdict);
            }
            else if (await SettleAsync(verdict.Key, cancellationToken) is { } settled)
            {
                _locked++;
                verdicts.Add(settled);
            }
        }

        return verdicts;
    }

    /// <summary>
    /// Repairs what could not be while other differing rows had values that are its own by a unique key; how many rows are the same now. All were told as
    /// differing before.
    /// </summary>
    public async Task<int> RepairWaitingAsync(CancellationToken cancellationToken)
    {
        byte[][] waiting = [.. _waiting];
        _waiting.Clear();
        var same = 0;
        foreach (var key in waiting)
        {
            same += await SettleAsync(key, cancellationToken) is null or { Repaired: true } ? 1 : 0;
        }

        _waiting.Clear();
        return same;
    }

    private async Task<List<Verdict>> CompareAsync(IReadOnlyList<byte[]> keys, CancellationToken cancellationToken)
    {
        var left = await _left.ReadAsync(keys, forUpdate: false, cancellationToken);
        await options.Follower.CatchUpAsync(cancellationToken);
        var right = await _right.ReadAsync(keys, forUpdate: false, cancellationToken);
        var differing = new List<Verdict>();
        foreach (var key in keys)
        {
            left.TryGetValue(key, out var a);
            right.TryGetValue(key, out var b);
            if (!AreSame(a, b))
            {
                differing.Add(new Verdict(key, a, b, Repaired: false));
            }
        }

        return differing;
    }

    private bool AreSame(byte[]? left, byte[]? right) => left is null ? right is null : right is not null && table.Same(left, right);

    private async Task<Verdict?> SettleAsync(byte[] key, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var limit = options.RowLockLimit * (attempt == LockAttempts ? LastLockFactor : 1);
                if (await TrySettleAsync(key, limit, cancellationToken) is (true, var verdict))
                {
                    return verdict;
                }

                if (attempt == LockAttempts)
                {
                    throw new InvalidOperationException(
                        $"A row of {table.Left.Name} is changed all the time, and replication was more than {limit.TotalSeconds:0} s behind each time it was looked at, which is as long as the application is let wait for it. Resume the comparison when replication has caught up.");
                }
            }
            catch (ServerErrorException e) when (attempt < LockAttempts && IsLockConflict(e))
            {
                // The application holds the row; it goes first.
                continue;
            }

            // However long this takes, nobody waits for it.
            await options.Follower.CatchUpAsync(cancellationToken);
        }
    }

    /// <summary>Not final when replication did not catch up for as long as the row may be locked.</summary>
    private async Task<(bool IsFinal, Verdict? Verdict)> TrySettleAsync(byte[] key, TimeSpan limit, CancellationToken cancellationToken)
    {
        await leftConnection.ExecuteAsync("START TRANSACTION", cancellationToken);
        try
        {
            var left = (await _left.ReadAsync([key], forUpdate: true, cancellationToken)).GetValueOrDefault(key);
            await FaultPoints.HitAsync("diff.settle.locked", cancellationToken);
            if (!await CatchesUpWithinAsync(limit, cancellationToken))
            {
                return (false, null);
            }

            var right = (await _right.ReadAsync([key], forUpdate: false, cancellationToken)).GetValueOrDefault(key);
            return (true, AreSame(left, right) ? null : new Verdict(key, left, right, _repair is not null && await RepairAsync(_repair, key, left, cancellationToken)));
        }
        finally
        {
            if (leftConnection.IsUsable)
            {
                await leftConnection.GiveBackAsync("ROLLBACK");
            }
        }
    }

    private async Task<bool> CatchesUpWithinAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        using var timer = new CancellationTokenSource(limit, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        try
        {
            await options.Follower.CatchUpAsync(either.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>True when the row is the same now.</summary>
    private async Task<bool> RepairAsync(OwnTransactionMark mark, byte[] key, byte[]? row, CancellationToken cancellationToken)
    {
        var cells = row is null ? null : PackedRow.Split(row);
        var repair = new RowRepair(rightConnection, table, mark, async token => AreSame(row, (await _right.ReadAsync([key], forUpdate: false, token)).GetValueOrDefault(key)));
        var outcome = RepairOutcome.Differs;
        if (cells is null || !cells.Exists(c => c.IsDigest))
        {
            outcome = await repair.WriteAsync(key, cells?.ConvertAll(c => c.Bytes), cancellationToken);
        }
        else
        {
            // The row is locked, so it is read once more as it was.
            await _left.ReadWholeAsync(key, async values => outcome = await repair.WriteAsync(key, values, cancellationToken), cancellationToken);
        }

        if (outcome == RepairOutcome.Taken && _waiting.Count < MostWaiting)
        {
            _waiting.Add(key);
        }

        return outcome == RepairOutcome.Same;
    }

    // Lock wait timeout, deadlock, and the conflict MariaDB reports where older servers waited.
    private static bool IsLockConflict(ServerErrorException e) => e.Code is 1205 or 1213 or 1020;
}
