using System.Globalization;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;

namespace Switchyard.Replication.Copy;

/// <summary>
/// Opens consistent reads on the source that surely contain what the stream has delivered. A delivered event is not yet a visible row: see
/// docs/internals/copy-and-stream.md.
/// </summary>
internal sealed class SourceSnapshot(ReplicationStream stream) : IAsyncDisposable
{
    private const int MaxSnapshotAttempts = 50;
    private const int MaxLockAttempts = 120;
    private static readonly TimeSpan s_snapshotPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_lockPause = TimeSpan.FromMilliseconds(500);

    private BackendConnection? _locker;

    /// <summary>Begins, on <paramref name="reader"/>, a snapshot with everything of the table up to the chunk's beginning.</summary>
    /// <param name="reader">The connection that will read the rows.</param>
    /// <param name="table">The table to be read.</param>
    /// <param name="from">The last transaction applied when tracking began.</param>
    /// <param name="gtids">The GTIDs up to there.</param>
    /// <param name="trustGtids">Every transaction before the first delivered one is known to be visible, so the set tells all.</param>
    /// <param name="cancellationToken">Ends the waits.</param>
    public async Task OpenContainingAsync(BackendConnection reader, TableName table, BinlogPosition from, string gtids, bool trustGtids, CancellationToken cancellationToken)
    {
        if (reader.Server.IsMariaDb && await TryOpenMariaDbAsync(reader, from, cancellationToken).ConfigureAwait(false) is not null)
        {
            return;
        }

        if (trustGtids && gtids.Length > 0 && reader.Server.IsAtLeast(ServerVendor.MySql, 5, 7) && await TryWaitExecutedAsync(reader, gtids, cancellationToken).ConfigureAwait(false))
        {
            await BeginAsync(reader, cancellationToken).ConfigureAwait(false);
            return;
        }

        await OpenUnderLockAsync(reader, [table], cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Begins a snapshot whose position is known exactly, as far as the given tables go.</summary>
    /// <returns>The position: the snapshot holds everything before it and nothing after.</returns>
    public async Task<BinlogPosition> OpenExactAsync(BackendConnection reader, IReadOnlyList<TableName> tables, BinlogPosition from, CancellationToken cancellationToken) =>
        reader.Server.IsMariaDb && await TryOpenMariaDbAsync(reader, from, cancellationToken).ConfigureAwait(false) is { } position
            ? position
            : await OpenUnderLockAsync(reader, tables, cancellationToken).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        if (_locker is { } locker)
        {
            _locker = null;
            await locker.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static Task BeginAsync(BackendConnection reader, CancellationToken cancellationToken) =>
        reader.ExecuteAsync("START TRANSACTION WITH CONSISTENT SNAPSHOT", cancellationToken);

    private async Task<BinlogPosition?> TryOpenMariaDbAsync(BackendConnection reader, BinlogPosition from, CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < MaxSnapshotAttempts; attempt++)
        {
            await BeginAsync(reader, cancellationToken).ConfigureAwait(false);
            if (await ReadSnapshotPositionAsync(reader, cancellationToken).ConfigureAwait(false) is not { } position)
            {
                break;
            }

            if (position >= from)
            {
                return position;
            }

            // The transaction delivered last is not committed in the engine yet.
            await reader.ExecuteAsync("ROLLBACK", cancellationToken).ConfigureAwait(false);
            await Task.Delay(s_snapshotPause, stream.Clock, cancellationToken).ConfigureAwait(false);
        }

        await reader.ExecuteAsync("ROLLBACK", cancellationToken).ConfigureAwait(false);
        return null;
    }

    private static async Task<BinlogPosition?> ReadSnapshotPositionAsync(BackendConnection reader, CancellationToken cancellationToken)
    {
        var status = await reader.QueryAsync("SHOW STATUS LIKE 'binlog_snapshot_%'", cancellationToken).ConfigureAwait(false);
        string? file = null;
        ulong? offset = null;
        foreach (var row in status.Rows)
        {
            switch (row.GetString(0).ToLowerInvariant())
            {
                case "binlog_snapshot_file":
                    file = row.GetString(1);
                    break;
                case "binlog_snapshot_position":
                    offset = ulong.Parse(row.GetString(1), CultureInfo.InvariantCulture);
                    break;
            }
        }

        return string.IsNullOrEmpty(file) || offset is null ? null : new BinlogPosition(file, offset.Value);
    }

    private static async Task<bool> TryWaitExecutedAsync(BackendConnection reader, string gtids, CancellationToken cancellationToken)
    {
        // Waiting is bounded; the lock is the other way.
        try
        {
            var result = await reader.QueryAsync($"SELECT WAIT_FOR_EXECUTED_GTID_SET('{gtids}', 5)", cancellationToken).ConfigureAwait(false);
            return result.GetStringOrNull(0, 0) == "0";
        }
        catch (ServerErrorException)
        {
            // gtid_mode was turned off.
            return false;
        }
    }

    // With autocommit=0 the lock also waits for rows changed by open transactions, on every version; without it MySQL 5.6 does not.
    private async Task<BinlogPosition> OpenUnderLockAsync(BackendConnection reader, IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        if (_locker is not { IsUsable: true })
        {
            _locker = await SourceSession.OpenAsync(stream.Definition.From, cancellationToken).ConfigureAwait(false);
            await stream.VerifySourceAsync(_locker, cancellationToken).ConfigureAwait(false);
            await _locker.ExecuteAsync("SET SESSION autocommit=0", cancellationToken).ConfigureAwait(false);
        }

        var names = string.Join(", ", tables.Select(t => t.Quoted + " READ"));
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await _locker.ExecuteAsync($"LOCK TABLES {names}", cancellationToken).ConfigureAwait(false);
                break;
            }
            catch (ServerErrorException e) when (e.Code is 1205 or 1213 && attempt < MaxLockAttempts)
            {
                await _locker.ExecuteAsync("ROLLBACK", cancellationToken).ConfigureAwait(false);
                await Task.Delay(s_lockPause, stream.Clock, cancellationToken).ConfigureAwait(false);
            }
            catch (ServerErrorException e) when (e.Code is 1205 or 1213)
            {
                throw new ReplicationException($"No moment was found to lock {string.Join(", ", tables)} on the source for the beginning of a chunk: a transaction that writes there has been open all the time. End it (SHOW PROCESSLIST) and start again.", e);
            }
            catch (ServerErrorException e) when (e.Code is 1044 or 1142)
            {
                throw new ReplicationException($"The source's account may not lock {string.Join(", ", tables)}; grant it LOCK TABLES and SELECT there.", e);
            }
        }

        try
        {
            var position = await SourceLog.ReadEndAsync(_locker, cancellationToken).ConfigureAwait(false);
            await BeginAsync(reader, cancellationToken).ConfigureAwait(false);
            return position;
        }
        finally
        {
            if (_locker.IsUsable)
            {
                await _locker.GiveBackAsync("UNLOCK TABLES;ROLLBACK").ConfigureAwait(false);
            }
        }
    }
}
