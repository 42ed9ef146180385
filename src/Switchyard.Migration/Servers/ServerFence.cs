using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    private const string SetReadOnly = "SET GLOBAL read_only=1";

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
                await ExecuteAsync(SetReadOnly, cancellationToken);
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

    /// <summary>
    /// A server that was to become read-only waits for whoever writes, and goes on waiting when whoever asked for it has gone: it would be read-only when nobody looks any more, so
    /// that is ended first. Of whichever process of ours it is, since read-only is lifted for one that has died, too.
    /// </summary>
    private async Task EndReadOnlyAttemptsAsync(CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var list = await connection.QueryAsync("SHOW PROCESSLIST", cancellationToken);
        await EndConnectionsAsync(
            [.. list.Rows.Where(r => r.GetStringOrNull(1) == options.User && r.GetUInt64(0) != connection.Server.ConnectionId && r.GetStringOrNull(7)?.Trim() == SetReadOnly).Select(r => r.GetUInt64(0))], cancellationToken);
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
