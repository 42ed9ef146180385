using System.Globalization;
using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    public async Task PrepareFenceAsync(CancellationToken cancellationToken) => _fenceConnection ??= await BackendConnection.OpenAsync(options, cancellationToken);

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
                var prepared = _fenceConnection is { IsUsable: true } open ? open : await BackendConnection.OpenAsync(options, cancellationToken);
                _fenceConnection = null;
                return await LockFence.TakeAsync(prepared, [.. tables.Select(t => t.Quoted)], limit, cancellationToken);
        }
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

    /// <summary>Read locks on all tables at once, held by a connection of their own; they end with it, whatever happens to this process.</summary>
    private sealed class LockFence(BackendConnection connection) : IFence
    {
        public static async Task<IFence> TakeAsync(BackendConnection connection, IReadOnlyList<string> tables, TimeSpan limit, CancellationToken cancellationToken)
        {
            var seconds = Math.Max(1, (int)Math.Ceiling(limit.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            try
            {
                // autocommit=0 makes InnoDB take its own table lock too, which on MySQL 5.6 is what waits for open transactions.
                await connection.ExecuteAsync($"SET SESSION lock_wait_timeout={seconds}, innodb_lock_wait_timeout={seconds}, autocommit=0", cancellationToken);
                await connection.ExecuteAsync($"LOCK TABLES {string.Join(", ", tables.Select(t => t + " READ"))}", cancellationToken);
                return new LockFence(connection);
            }
            catch (ServerErrorException e) when (e.Code == 1205)
            {
                await connection.DisposeAsync();
                throw new CutoverFailedException(
                    $"A transaction that bypasses the proxies kept the tables from being locked for {seconds} s.", "End it, allow more with --drain-timeout, or choose another --fence.", e);
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }
        }

        public async Task VerifyAsync(CancellationToken cancellationToken)
        {
            try
            {
                await connection.PingAsync(cancellationToken);
            }
            catch (BackendUnavailableException e)
            {
                throw new CutoverFailedException("The connection that held the origin's tables locked has ended, so somebody may have written to them.", "Try again.", e);
            }
        }

        public async Task ReleaseAsync(CancellationToken cancellationToken)
        {
            if (connection.IsUsable)
            {
                await connection.ExecuteAsync("UNLOCK TABLES", cancellationToken);
            }

            await connection.DisposeAsync();
        }

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
