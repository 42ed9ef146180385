using System.Globalization;
using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

/// <summary>Read locks on tables, held by connections of their own; they end with these, whatever happens to this process.</summary>
/// <remarks>
/// A server compares every table of a LOCK TABLES statement with every other: 2,000 take MariaDB 10.11 50 ms of a processor and MySQL 9.7 350, in parts of 125 together
/// 10 and 8, and smaller parts gain nothing more. So each connection locks a part, all at the same time. Who must wait for whom across these connections the server cannot
/// see: a transaction that bypasses the proxies and holds one table while it waits for another ends the fence's wait by its limit.
/// </remarks>
internal sealed class LockFence : IFence
{
    private const int TablesEach = 125;
    private const int MostConnections = 16;
    private const int TablesOpenedAtOnce = 50;

    // The application waits for this, and a server that is frozen never answers.
    private static readonly TimeSpan s_unlockLimit = TimeSpan.FromSeconds(5);

    /// <summary>The error of a wait for a lock that has come to its limit.</summary>
    public const int LockWaitTimeout = 1205;

    private readonly IReadOnlyList<(BackendConnection Connection, string Lock)> _parts;

    private LockFence(IReadOnlyList<(BackendConnection Connection, string Lock)> parts) => _parts = parts;

    /// <summary>All its connections can be used, as far as is known without asking.</summary>
    public bool IsUsable => _parts.All(p => p.Connection.IsUsable);

    /// <summary>Opens the connections, and the tables at the server, and locks nothing yet.</summary>
    /// <param name="options">The server.</param>
    /// <param name="tables">What is to be locked.</param>
    /// <param name="limit">How long the lock will wait for whoever holds a table.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<LockFence> PrepareAsync(ConnectionOptions options, IReadOnlyList<TableName> tables, TimeSpan limit, CancellationToken cancellationToken)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(limit.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        var size = Math.Max(TablesEach, (tables.Count + MostConnections - 1) / MostConnections);
        var parts = new List<(BackendConnection Connection, string Lock)>();
        var fence = new LockFence(parts);
        try
        {
            foreach (var part in tables.Select(t => t.Quoted).Chunk(size))
            {
                var connection = await BackendConnection.OpenAsync(options, cancellationToken);
                parts.Add((connection, $"LOCK TABLES {string.Join(", ", part.Select(t => t + " READ"))}"));
                await OpenTablesAsync(connection, part, cancellationToken);

                // Without autocommit InnoDB takes its own table lock too, which on MySQL 5.6 is what waits for open transactions.
                await connection.ExecuteAsync($"SET SESSION lock_wait_timeout={seconds}, innodb_lock_wait_timeout={seconds}, autocommit=0", cancellationToken);
            }

            return fence;
        }
        catch
        {
            await fence.DisposeAsync();
            throw;
        }
    }

    /// <summary>Locks; what waits for a lock longer than the limit ends the attempt, and the connections.</summary>
    /// <exception cref="ServerErrorException">With <see cref="LockWaitTimeout"/>: somebody holds one.</exception>
    public async Task TakeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(_parts.Select(p => p.Connection.ExecuteAsync(p.Lock, cancellationToken)));
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async Task VerifyAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(_parts.Select(p => p.Connection.PingAsync(cancellationToken)));
        }
        catch (BackendUnavailableException e)
        {
            throw new CutoverFailedException("A connection that held the origin's tables locked has ended, so somebody may have written to them.", "Try again.", e);
        }
    }

    /// <inheritdoc/>
    public async Task ReleaseAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_unlockLimit);
        try
        {
            await Task.WhenAll(_parts.Where(p => p.Connection.IsUsable).Select(p => p.Connection.ExecuteAsync("UNLOCK TABLES", limit.Token)));
        }
        catch (Exception e) when (e is BackendUnavailableException or ServerErrorException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // A server gives the locks of an ended connection back by itself, and the connections end now.
        }
        finally
        {
            await DisposeAsync();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var (connection, _) in _parts)
        {
            await connection.DisposeAsync();
        }
    }

    /// <summary>Outside the pause, since a table that is not in the server's cache costs more than its lock. On the connection itself: MySQL keeps a cache for each of some connections.</summary>
    private static async Task OpenTablesAsync(BackendConnection connection, string[] tables, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync("SET SESSION lock_wait_timeout=1", cancellationToken);
        foreach (var some in tables.Chunk(TablesOpenedAtOnce))
        {
            try
            {
                await connection.QueryAsync(string.Join(" UNION ALL ", some.Select(t => $"SELECT 1 FROM {t} WHERE FALSE")), cancellationToken);
            }
            catch (ServerErrorException e) when (e.Code == LockWaitTimeout)
            {
                // A definition is being changed. Whether it still is matters when the lock is taken, which says so then.
            }
        }
    }
}
