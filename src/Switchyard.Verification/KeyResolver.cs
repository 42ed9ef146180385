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
/// deadlock with the application is possible.
/// </remarks>
internal sealed class KeyResolver(BackendConnection leftConnection, BackendConnection rightConnection, TablePair table, IFollower follower, OwnTransactionMark? repair)
{
    private const int Rounds = 3;
    private const int LockAttempts = 5;

    // A following side with this many differences in one table is broken beyond doubt, and a lock per row would take hours to say the same.
    private const int LockedLimit = 2000;

    private readonly RowSource _left = new(leftConnection, table, left: true);
    private readonly RowSource _right = new(rightConnection, table, left: false);
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
            if (repair is null && _locked >= LockedLimit)
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

    private async Task<List<Verdict>> CompareAsync(IReadOnlyList<byte[]> keys, CancellationToken cancellationToken)
    {
        var left = await _left.ReadAsync(keys, forUpdate: false, cancellationToken);
        await follower.CatchUpAsync(cancellationToken);
        var right = await _right.ReadAsync(keys, forUpdate: false, cancellationToken);
        var differing = new List<Verdict>();
        foreach (var key in keys)
        {
            left.TryGetValue(key, out var a);
            right.TryGetValue(key, out var b);
            if (a is null ? b is not null : b is null || !table.Same(a, b))
            {
                differing.Add(new Verdict(key, a, b, Repaired: false));
            }
        }

        return differing;
    }

    private async Task<Verdict?> SettleAsync(byte[] key, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await SettleOnceAsync(key, cancellationToken);
            }
            catch (ServerErrorException e) when (attempt < LockAttempts && IsLockConflict(e))
            {
                // The application holds the row; it goes first.
            }
        }
    }

    private async Task<Verdict?> SettleOnceAsync(byte[] key, CancellationToken cancellationToken)
    {
        await leftConnection.ExecuteAsync("START TRANSACTION", cancellationToken);
        try
        {
            var left = (await _left.ReadAsync([key], forUpdate: true, cancellationToken)).GetValueOrDefault(key);
            await FaultPoints.HitAsync("diff.settle.locked", cancellationToken);
            await follower.CatchUpAsync(cancellationToken);
            var right = (await _right.ReadAsync([key], forUpdate: false, cancellationToken)).GetValueOrDefault(key);
            if (left is null ? right is null : right is not null && table.Same(left, right))
            {
                return null;
            }

            if (repair is not null)
            {
                await RepairAsync(repair, key, left, cancellationToken);
            }

            return new Verdict(key, left, right, repair is not null);
        }
        finally
        {
            if (leftConnection.IsUsable)
            {
                await leftConnection.GiveBackAsync("ROLLBACK");
            }
        }
    }

    private async Task RepairAsync(OwnTransactionMark mark, byte[] key, byte[]? row, CancellationToken cancellationToken)
    {
        var cells = row is null ? null : PackedRow.Split(row);
        if (cells is null || !cells.Exists(c => c.IsDigest))
        {
            await RowRepair.WriteAsync(rightConnection, table, key, cells?.ConvertAll(c => c.Bytes), mark, cancellationToken);
            return;
        }

        // The row is locked, so it is read once more as it was.
        await _left.ReadWholeAsync(key, values => RowRepair.WriteAsync(rightConnection, table, key, values, mark, cancellationToken), cancellationToken);
    }

    // Lock wait timeout, deadlock, and the conflict MariaDB reports where older servers waited.
    private static bool IsLockConflict(ServerErrorException e) => e.Code is 1205 or 1213 or 1020;
}
