using Microsoft.Extensions.Logging;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Source;
using Switchyard.Replication.Target;
using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Apply;

/// <summary>Keeps an applier connected to both sides: connects, applies, and after a break tries again with growing pauses.</summary>
internal sealed class StreamRunner(StreamDefinition definition, StreamTables tables, string sourceIdentity, TargetWriter target, CommitQueue queue, Applier applier, BoundaryQueue boundaries, PositionBoard board, StreamStatus status, AsyncSignal wake, XaRegistry xa, GtidTracker gtids, TimeProvider clock, ILogger logger)
{
    private const int MaxRestartsAtOnePlace = 10;
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(15);

    // Replicas are told apart by this number; the upper half is rarely given to real servers.
    private readonly uint _serverId = 0x8000_0000u | (uint)Random.Shared.Next();

    private readonly TemporaryTables _temporaries = new();

    // Once is enough: from there on the stream keeps the record itself.
    private bool _hasCompleted;
    private bool _knowsSessions;

    // The log, once it is asked for, has its own limit.
    private ConnectionOptions Source => definition.From with { Schema = null, CommandTimeout = definition.From.CommandTimeout ?? definition.OpeningLimit };

    /// <summary>Runs until stopped or failed.</summary>
    /// <param name="stopping">Ends the attempts to connect; what is being applied ends in good order by the applier's own request.</param>
    /// <param name="cancellationToken">Ends everything at once.</param>
    public async Task RunAsync(CancellationToken stopping, CancellationToken cancellationToken)
    {
        using var connecting = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellationToken);
        var pause = s_firstPause;
        var restarts = 0;
        var last = board.Current;
        status.Enter(StreamState.Connecting, null);
        while (true)
        {
            string reason;
            var lacksRoom = false;
            try
            {
                await RunOnceAsync(connecting.Token, cancellationToken).ConfigureAwait(false);
                logger.Stopped(definition.Id, board.Current);
                End();
                return;
            }
            catch (OperationCanceledException) when (connecting.IsCancellationRequested)
            {
                End();
                return;
            }
            catch (BackendUnavailableException e)
            {
                reason = e.Reason == UnavailableReason.TimedOut ? $"{e.Message} Look at that server, its load and disk, and the network to it; replication goes on by itself." : e.Message;
            }
            catch (ServerErrorException e) when (ServerErrors.IsTransient(e) || ServerErrors.IsTransactionConflict(e) || (e.Code == 1236 && !ServerErrors.IsEventTooLong(e) && restarts < MaxRestartsAtOnePlace))
            {
                reason = $"error {e.Code}";
            }
            catch (ServerErrorException e) when (e.IsOutOfSpace)
            {
                // Only the target is written to.
                lacksRoom = true;
                reason = $"The target {definition.To.Host}:{definition.To.Port} has no room left (error {e.Code}: {e.ServerMessage.TrimEnd('.')}). Free space there; replication goes on by itself.";
            }
            catch (StreamRestartException e) when (restarts < MaxRestartsAtOnePlace)
            {
                reason = e.Message;
            }
            catch (Exception e)
            {
                Fail(e);
                return;
            }

            await queue.AbortAsync().ConfigureAwait(false);
            await target.DisconnectAsync().ConfigureAwait(false);
            if (board.Current > last)
            {
                pause = s_firstPause;
                restarts = 0;
                last = board.Current;
            }

            restarts++;
            if (lacksRoom)
            {
                status.LacksRoom(reason);
            }
            else
            {
                status.Enter(StreamState.Reconnecting, reason);
            }

            logger.Reconnecting(definition.Id, pause.TotalMilliseconds, reason);
            try
            {
                await Task.Delay(pause, clock, connecting.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                End();
                return;
            }

            pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
        }
    }

    /// <summary>What was found out beside the log that makes it useless to go on; whoever sets it cancels the run.</summary>
    public ReplicationException? Lost { get; set; }

    private void End()
    {
        if (Lost is { } lost)
        {
            Fail(lost);
            return;
        }

        var stopped = new ReplicationException($"The stream {definition.Id} was stopped.");
        boundaries.Close(stopped);
        board.Fail(stopped);
        status.Enter(StreamState.Stopped, null);
    }

    /// <summary>It failed because another server answers where the source was.</summary>
    public bool HasSourceMoved { get; private set; }

    /// <summary>It failed because other tables are behind the names of some.</summary>
    public TablesReplacedException? Replaced { get; private set; }

    private void Fail(Exception e)
    {
        HasSourceMoved = e is SourceMovedException;
        Replaced = e as TablesReplacedException;
        var message = e switch
        {
            ServerErrorException tooLong when ServerErrors.IsEventTooLong(tooLong) =>
                $"The log of {definition.From.Host}:{definition.From.Port} holds a change of more than 1 GB after {board.Current}, which no server sends to anyone (error 1236); of an update, the row before and after count together. Cancel the migration and copy again, without the table that has such rows.",
            ServerErrorException server => $"A server answered with error {server.Code}: {server.ServerMessage}.",
            _ => e.Message,
        };
        var failure = e as ReplicationException ?? new ReplicationException(message, e);
        logger.Failed(definition.Id, message);
        status.Enter(StreamState.Failed, message);
        boundaries.Close(failure);
        board.Fail(failure);
    }

    private async Task RunOnceAsync(CancellationToken connecting, CancellationToken running)
    {
        var (pump, reader, reading) = await ConnectAsync(connecting).ConfigureAwait(false);
        try
        {
            await applier.RunAsync(pump, running).ConfigureAwait(false);
        }
        finally
        {
            pump.Dispose();
            await reading.ConfigureAwait(false);
            await reader.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<(EventPump Pump, BinlogReader Reader, Task Reading)> ConnectAsync(CancellationToken cancellationToken)
    {
        // Here nobody listens whether a server is still there; what runs later may take its time.
        await target.ConnectAsync(definition.OpeningLimit, cancellationToken).ConfigureAwait(false);
        await Faults.FaultPoints.HitAsync("stream.connect.target", cancellationToken).ConfigureAwait(false);
        await PassiveSide.VerifyAsync(target.Connection, [.. tables.All.Select(t => t.Name)], cancellationToken).ConfigureAwait(false);
        await queue.ConnectAsync(definition.OpeningLimit, cancellationToken).ConfigureAwait(false);
        // A COMMIT whose answer was lost may have been done.
        board.Publish(target.Persisted);
        var start = board.Current;
        xa.Reset(await XaRows.LoadAsync(target.Connection, definition.Id, cancellationToken).ConfigureAwait(false));
        var source = await BackendConnection.OpenAsync(Source, cancellationToken).ConfigureAwait(false);
        BinlogReader reader;
        bool mayHaveGoneOn;
        try
        {
            await Faults.FaultPoints.HitAsync("stream.connect.source", cancellationToken).ConfigureAwait(false);
            await VerifySourceAsync(source, cancellationToken).ConfigureAwait(false);
            await SourceLog.VerifyContainsAsync(source, start, cancellationToken).ConfigureAwait(false);
            if (!_knowsSessions)
            {
                var number = await source.QueryAsync("SELECT @@global.server_id", cancellationToken).ConfigureAwait(false);
                _temporaries.Begin(await SourceLog.ReadEndAsync(source, cancellationToken).ConfigureAwait(false), (uint)number.GetUInt64(0, 0), source.Server.ConnectionId);
                _knowsSessions = true;
            }

            mayHaveGoneOn = await TornLog.MayHaveGoneOnAsync(source, cancellationToken).ConfigureAwait(false);
            foreach (var branch in xa.Open)
            {
                await VerifyContainsAsync(source, branch, cancellationToken).ConfigureAwait(false);
            }

            gtids.Reset(target.PersistedGtid);
            // What has been read beyond the row's position, because the target had no use for it, is not read again: its GTIDs are looked up.
            if ((target.PersistedGtid.Length == 0 || start != target.Persisted)
                && await GtidPositions.ReadAtAsync(Source, source, start, (target.Persisted, target.PersistedGtid), cancellationToken).ConfigureAwait(false) is { Length: > 0 } begun)
            {
                if (start == target.Persisted)
                {
                    await target.RecordGtidAsync(begun, cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    await target.PersistAsync(start, begun, cancellationToken).ConfigureAwait(false);
                }

                gtids.Reset(begun);
            }

            if (!_hasCompleted && start == target.Persisted)
            {
                if (await GtidPositions.TryCompleteAsync(Source, source, start, target.PersistedGtid, cancellationToken).ConfigureAwait(false) is { } whole)
                {
                    await target.RecordGtidAsync(whole, cancellationToken).ConfigureAwait(false);
                    gtids.Reset(whole);
                }

                _hasCompleted = true;
            }

            status.Connected(
                await SourceLog.ReadClockOffsetAsync(source, clock, cancellationToken).ConfigureAwait(false),
                (await LogRetention.ReadAsync(source, cancellationToken).ConfigureAwait(false)).Age);
            reader = await TornLog.OpenReaderAsync(
                source,
                new BinlogDumpRequest { ServerId = _serverId, File = start.File, Position = start.Offset, HeartbeatPeriod = definition.HeartbeatPeriod, SilenceTimeout = definition.LogSilenceLimit },
                cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await source.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        target.TakeTime();
        logger.Reading(definition.Id, definition.From.Redacted, start);
        status.Enter(StreamState.Running, null);
        var pump = new EventPump(reader, tables, definition.OppositeId, definition.QueueBytes, wake, xa, new ChangeReach(definition.From, tables, _temporaries), status, mayHaveGoneOn, ReopenAsync);
        return (pump, reader, pump.RunAsync());
    }

    private async Task VerifyContainsAsync(BackendConnection source, XaBranch branch, CancellationToken cancellationToken)
    {
        try
        {
            await SourceLog.VerifyContainsAsync(source, branch.Begin, cancellationToken).ConfigureAwait(false);
        }
        catch (ReplicationException e)
        {
            throw new ReplicationException($"The XA transaction {branch.Xid} was prepared on the source and has not ended in its log, and cannot be read again: {e.Message} {XaRows.DescribeLost(definition.Id, branch.Xid)}.", e);
        }
    }

    private async Task VerifySourceAsync(BackendConnection source, CancellationToken cancellationToken)
    {
        var identity = await SourceLog.ReadIdentityAsync(source, cancellationToken).ConfigureAwait(false);
        if (identity != sourceIdentity)
        {
            throw new SourceMovedException($"{definition.From.Host}:{definition.From.Port} is now another server ({identity}) than the one the stream {definition.Id} was recorded on ({sourceIdentity}); binary log positions mean nothing there.");
        }
    }

    // Beside the running dump, so with an id of its own.
    private async Task<BinlogReader> ReopenAsync(BinlogPosition begin, CancellationToken cancellationToken)
    {
        var source = await BackendConnection.OpenAsync(Source, cancellationToken).ConfigureAwait(false);
        try
        {
            await VerifySourceAsync(source, cancellationToken).ConfigureAwait(false);
            return await TornLog.OpenReaderAsync(
                source,
                new BinlogDumpRequest { ServerId = _serverId ^ 0x4000_0000u, File = begin.File, Position = begin.Offset, HeartbeatPeriod = definition.HeartbeatPeriod, SilenceTimeout = definition.LogSilenceLimit },
                cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await source.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
