using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    public async Task PrepareFenceAsync(FenceMode mode, IReadOnlyList<TableName> tables, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (mode == FenceMode.Lock)
        {
            _preparedFence = await LockFence.PrepareAsync(options, await PresentAsync(tables, cancellationToken), limit, cancellationToken);
        }
    }

    public async Task<IFence> FenceAsync(FenceMode mode, IReadOnlyList<TableName> tables, TimeSpan limit, CancellationToken cancellationToken)
    {
        switch (mode)
        {
            case FenceMode.None:
                return new NoFence();
            case FenceMode.ReadOnly:
                await ExecuteAsync("SET GLOBAL read_only=1", cancellationToken);
                return new ReadOnlyFence(this);
            default:
                var prepared = await TakePreparedFenceAsync() ?? await LockFence.PrepareAsync(options, await PresentAsync(tables, cancellationToken), limit, cancellationToken);
                try
                {
                    await prepared.TakeAsync(cancellationToken);
                    return prepared;
                }
                catch (ServerErrorException e) when (e.Code == LockFence.LockWaitTimeout)
                {
                    throw await DescribeHoldersAsync(limit, e, cancellationToken);
                }
        }
    }

    /// <summary>The fence prepared, if all of it can still be used; what is left of another is closed.</summary>
    private async Task<LockFence?> TakePreparedFenceAsync()
    {
        var prepared = _preparedFence;
        _preparedFence = null;
        if (prepared is { IsUsable: false })
        {
            await prepared.DisposeAsync();
            return null;
        }

        return prepared;
    }

    /// <summary>Who kept the tables from being locked, as far as it can be seen.</summary>
    private async Task<CutoverFailedException> DescribeHoldersAsync(TimeSpan limit, Exception cause, CancellationToken cancellationToken)
    {
        const int Named = 5;
        var open = await ReadLongTransactionsAsync(await OpenAsync(cancellationToken), cancellationToken);
        return new CutoverFailedException(
            $"Somebody who bypasses the proxies kept the tables from being locked for {limit.TotalSeconds:0.###} s{(open.Count > 0 ? $": {string.Join("; ", open.Take(Named))}" : "")}.",
            "Let it end, or end it on that server (KILL and the connection's number), allow more with --drain-timeout, or choose another --fence.", cause);
    }

    private sealed class NoFence : IFence
    {
        public Task VerifyAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task ReleaseAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class ReadOnlyFence(ServerSide side) : IFence
    {
        public async Task VerifyAsync(CancellationToken cancellationToken)
        {
            var connection = await side.OpenAsync(cancellationToken);
            if ((await connection.QueryAsync("SELECT @@global.read_only", cancellationToken)).GetInt64(0, 0) == 0)
            {
                throw new CutoverFailedException("Somebody made the origin writable again during the pause.", "Find out who, and try again.");
            }
        }

        public Task ReleaseAsync(CancellationToken cancellationToken) => side.LiftReadOnlyAsync(cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
