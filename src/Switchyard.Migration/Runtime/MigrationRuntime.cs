using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// One migration at work in this process: its record, its stream and its copy. Which stream runs follows from the record alone, so that a
/// restart, a rollback and a switch end in the same place.
/// </summary>
internal sealed partial class MigrationRuntime(MigrationEnvironment environment, Versioned<MigrationRecord> record) : IAsyncDisposable
{
    private const int MaxMoves = 10;
    private readonly SemaphoreSlim _updates = new(1, 1);
    private readonly SemaphoreSlim _streams = new(1, 1);
    private readonly CopyMeter _meter = new(environment.Time);
    private Versioned<MigrationRecord> _record = record;
    private CancellationTokenSource? _stop;
    private Task _work = Task.CompletedTask;
    private volatile IMigrationStream? _stream;
    private volatile IMigrationCopy? _copy;
    private volatile PassiveWatch? _watch;
    private TaskCompletionSource<IMigrationStream> _opened = new();
    private Direction _streamDirection;
    private bool _wasCut;
    private volatile string? _renewalDelay;
    private volatile TaskCompletionSource<MigrationException?>? _adding;
    private IFence? _kept;

    // What of the record is kept under a key of its own, as it stands there.
    private IReadOnlyList<TableStatus> _copied = [];

    public MigrationRecord Record => _record.Value;

    public Versioned<MigrationRecord> Versioned => _record;

    public string Name => _record.Value.Name;

    /// <summary>Excludes verbs that change the migration from one another.</summary>
    public VerbGuard Verbs { get; } = new();

    /// <summary>The running stream away from the authoritative side; null while none is open.</summary>
    public IMigrationStream? Stream => _stream;

    /// <summary>The watch of the side that follows; null while replication does not run.</summary>
    public PassiveWatch? Watch => _watch;

    /// <summary>Why tables that are to be copied again are not made anew yet; null while nothing keeps them from it.</summary>
    public string? RenewalDelay
    {
        get => _renewalDelay;
        set => _renewalDelay = value;
    }

    /// <summary>Completes when the target has the tables that were added, or the work has ended without; with the reason where it did not take them.</summary>
    public Task<MigrationException?> ExpectAdded() => (_adding = new TaskCompletionSource<MigrationException?>(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>Tells who waits for added tables what became of them.</summary>
    public void NoteAdded(MigrationException? refusal) => _adding?.TrySetResult(refusal);

    /// <summary>Reads what is kept beside the record; called once, before anything else.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (await environment.Topology.GetAsync<IReadOnlyList<TableStatus>>(TopologyKeys.CopiedOf(Name), cancellationToken) is { } copied)
        {
            _copied = copied.Value;
            _record = _record with { Value = Record with { Copied = _copied } };
        }
    }

    /// <summary>Changes the record, together with whatever else has to change with it.</summary>
    public async Task<MigrationRecord> UpdateAsync(
        Func<MigrationRecord, MigrationRecord> change, CancellationToken cancellationToken, Action<TopologyTransaction>? also = null)
    {
        if (!await TryUpdateAsync(change, cancellationToken, also))
        {
            throw MigrationException.Failed(
                "conflict", $"The records of '{Name}' were changed by somebody else at the same moment; nothing was changed.", "Look at its status and try again.");
        }

        return Record;
    }

    /// <summary>As <see cref="UpdateAsync"/>; false when something the transaction requires is no longer so.</summary>
    public async Task<bool> TryUpdateAsync(
        Func<MigrationRecord, MigrationRecord> change, CancellationToken cancellationToken, Action<TopologyTransaction>? also = null)
    {
        await _updates.WaitAsync(cancellationToken);
        try
        {
            var next = change(_record.Value);
            var transaction = environment.Topology.Begin().Require(_record).PutMigration(Name, next);
            if (!ReferenceEquals(next.Copied, _copied))
            {
                transaction.PutValue(TopologyKeys.CopiedOf(Name), next.Copied);
            }

            also?.Invoke(transaction);
            var result = await transaction.CommitAsync(cancellationToken);
            if (result.Succeeded)
            {
                _copied = next.Copied;
                Adopt(next, result.Revision);
            }

            return result.Succeeded;
        }
        finally
        {
            _updates.Release();
        }
    }

    /// <summary>Changes the record and the rules in one transaction, again when other rules changed meanwhile.</summary>
    public async Task UpdateWithRulesAsync(
        Func<MigrationRecord, MigrationRecord> change, Func<RoutingTable, MigrationRecord, RoutingTable> rules, CancellationToken cancellationToken)
    {
        const int Attempts = 20;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var routing = await environment.Topology.GetRoutingAsync(cancellationToken);
            if (await TryUpdateAsync(change, cancellationToken, t => t.Require(routing).Put(rules(routing.Value, change(Record)))))
            {
                return;
            }
        }

        throw MigrationException.Failed("conflict", "The routing table keeps changing.", "Try again when nobody else changes it.");
    }

    private void Adopt(MigrationRecord next, long revision)
    {
        var before = _record.Value;
        _record = new Versioned<MigrationRecord>(_record.Key, next, revision);
        if (before.State != next.State)
        {
            environment.Events.Publish(Name, "state", $"{before.State} → {next.State}".ToLowerInvariant());
            LogState(environment.Log, Name, next.State);
        }
    }

    /// <summary>Reads the record again, when it is not known whether a commit happened.</summary>
    public async Task ReloadAsync(CancellationToken cancellationToken)
    {
        if (await environment.Topology.GetMigrationAsync<MigrationRecord>(Name, cancellationToken) is { } current)
        {
            Adopt(current.Value with { Copied = Record.Copied }, current.Revision);
        }
    }

    /// <summary>Starts what the record says should run; does nothing when it runs already or nothing should.</summary>
    public async Task ResumeAsync(CancellationToken cancellationToken)
    {
        await _streams.WaitAsync(cancellationToken);
        try
        {
            if (_stop is { IsCancellationRequested: true })
            {
                await _work.WaitAsync(cancellationToken);
            }

            var now = Record;
            if (now.Finished is not null || now.Stopped || !now.Started || now.Error is not null || !_work.IsCompleted)
            {
                return;
            }

            _stop?.Dispose();
            _stop = new CancellationTokenSource();
            _opened = new TaskCompletionSource<IMigrationStream>(TaskCreationOptions.RunContinuationsAsynchronously);
            _work = RunAsync(now, _stop.Token);
        }
        finally
        {
            _streams.Release();
        }
    }

    /// <summary>Waits until the stream that should run does run: right after a switch or a restart it is still connecting.</summary>
    /// <returns>The stream; null when it does not run by then or has failed.</returns>
    public async Task<IMigrationStream?> WaitForStreamAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        if (_work.IsCompleted)
        {
            return null;
        }

        using var limit = new CancellationTokenSource(wait, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var stream = await _opened.Task.WaitAsync(either.Token);
            await stream.WaitForRunningAsync(either.Token);
            return stream;
        }
        catch (Exception e) when (e is InvalidOperationException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <summary>Stops copy and stream.</summary>
    /// <returns>
    /// True when nothing more is applied; false when the following side did not answer within the limit, so that what is with it may be applied yet.
    /// </returns>
    public async Task<bool> HaltAsync(CancellationToken cancellationToken)
    {
        await _streams.WaitAsync(cancellationToken);
        try
        {
            if (_stop is { } stop)
            {
                await stop.CancelAsync();
            }

            await _work.WaitAsync(cancellationToken);
            return !_wasCut;
        }
        finally
        {
            _streams.Release();
        }
    }

    public async Task<StreamSpec> SpecAsync(Direction direction, CancellationToken cancellationToken)
    {
        var now = Record;
        return new StreamSpec(
            now.StreamId(direction), await OptionsAsync(direction.From, cancellationToken), await OptionsAsync(direction.To, cancellationToken),
            now.Schemas, !now.CopyDone, now.Settings, now.StreamId(direction.Exchanged));
    }

    /// <summary>The stream away from the authoritative side, as it would be with another server as that side.</summary>
    public async Task<StreamSpec> SpecWithOriginAsync(ConnectionOptions origin, CancellationToken cancellationToken)
    {
        var now = Record;
        return new StreamSpec(
            now.StreamId(now.Direction), origin, await OptionsAsync(now.Direction.To, cancellationToken),
            now.Schemas, !now.CopyDone, now.Settings, now.StreamId(now.Direction.Exchanged));
    }

    public Task<ConnectionOptions> OptionsAsync(Side side, CancellationToken cancellationToken) =>
        environment.BackendAsync(Record.Backend(side), cancellationToken);

    public async Task<IServerSide> OpenSideAsync(Side side, CancellationToken cancellationToken) =>
        environment.Sides.Create(await OptionsAsync(side, cancellationToken), Record.SchemaNames);

    /// <summary>The state of one direction's stream.</summary>
    public StreamStatus StreamStatus(Direction direction)
    {
        var now = Record;
        if (_stream is { } stream && _streamDirection == direction)
        {
            return stream.Status;
        }

        if (direction == now.Direction)
        {
            return !now.StreamRecorded ? Migration.StreamStatus.None
                : new StreamStatus(now.Error is not null ? "error" : "stopped", null, null, 0, now.Error);
        }

        return now.SwitchedAt is null ? Migration.StreamStatus.None : new StreamStatus("frozen", null, null, 0, null);
    }

    /// <summary>Holds a fence that nobody may release until it is known which side is authoritative; it falls with the process.</summary>
    public void Keep(IFence fence) => _kept = fence;

    /// <summary>Such a fence is held.</summary>
    public bool KeepsFence => _kept is not null;

    public async ValueTask DisposeAsync()
    {
        await HaltAsync(CancellationToken.None);
        if (_kept is { } fence)
        {
            await fence.DisposeAsync();
        }
    }

    private async Task RunAsync(MigrationRecord started, CancellationToken cancellationToken)
    {
        // Servers take each other's place a few times at most; more is a loop of ours.
        for (var moves = MaxMoves; await RunOnceAsync(started, moves > 0, cancellationToken) is var next and not Next.Nothing;)
        {
            if (next == Next.SourceMoved)
            {
                moves--;
                environment.Events.Publish(Name, "source-moved", $"Another server answers for '{Record.Backend(Record.Direction.From)}'; looking for the place in its log.");
            }

            _opened = new TaskCompletionSource<IMigrationStream>(TaskCreationOptions.RunContinuationsAsynchronously);
            started = Record;
        }
    }

    private async Task<Next> RunOnceAsync(MigrationRecord started, bool mayMove, CancellationToken cancellationToken)
    {
        _wasCut = false;
        TablesReplacedException replaced;
        try
        {
            if (!started.CopyDone)
            {
                started = await CopyAsync(cancellationToken);
            }
            else
            {
                _watch = new PassiveWatch(environment, this);
                await OpenStreamAsync(started.Direction, cancellationToken);
            }

            if (!started.Stopped)
            {
                var watch = _watch ??= new PassiveWatch(environment, this);
                await watch.StartAsync(started.Direction, cancellationToken);
                await _stream!.Completion.WaitAsync(cancellationToken);
            }

            return Next.Nothing;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Halted.
            return Next.Nothing;
        }
        catch (Exception) when (_stream is { Replaced: { } tables })
        {
            replaced = tables;
        }
        catch (Exception e) when ((e is SourceMovedException || _stream is { HasSourceMoved: true }) && Record.Reads is not null)
        {
            await FailAsync(MigrationException.Failed(
                "source_moved", $"{e.Message} While reads go to the target they wait for positions of the old server.", $"Run `switchyard migration validate {Name} --off`, then `switchyard migration start {Name}`."));
            return Next.Nothing;
        }
        catch (Exception e) when (mayMove && (e is SourceMovedException || _stream is { HasSourceMoved: true }))
        {
            return Next.SourceMoved;
        }
        catch (Exception e)
        {
            await FailAsync(e);
            return Next.Nothing;
        }
        finally
        {
            _copy = null;
            NoteAdded(null);
            _opened.TrySetCanceled(CancellationToken.None);

            // Side by side: in a switch the application waits for this.
            var unwatching = _watch?.DisposeAsync().AsTask() ?? Task.CompletedTask;
            _watch = null;
            await CloseStreamAsync();
            await unwatching;
        }

        return await CopyAgainAsync(replaced, cancellationToken) ? Next.CopyAgain : Next.Nothing;
    }

    private async Task<IMigrationStream> OpenStreamAsync(Direction direction, CancellationToken cancellationToken)
    {
        var stream = await environment.Engine.OpenAsync(await SpecAsync(direction, cancellationToken), cancellationToken);
        environment.Applied.Reset(Name);
        stream.Applied += position => environment.Applied.Publish(Name, position);
        _streamDirection = direction;
        _stream = stream;
        stream.Start();
        _opened.TrySetResult(stream);
        return stream;
    }

    private async Task CloseStreamAsync()
    {
        if (_stream is not { } stream)
        {
            return;
        }

        _stream = null;
        if (_wasCut)
        {
            return;
        }

        try
        {
            using var limit = new CancellationTokenSource(environment.Options.StopLimit, environment.Time);
            await stream.StopAsync(limit.Token);
            _wasCut = limit.IsCancellationRequested;
        }
        catch (Exception e)
        {
            LogClose(environment.Log, Name, e);
        }

        await stream.DisposeAsync();
    }

    /// <summary>Writes down why it stands still. If not even that can be done, the log has it and the record still says what should run.</summary>
    private async Task FailAsync(Exception error)
    {
        LogFailure(environment.Log, Name, error);
        environment.Events.Publish(Name, "error", error.Message);
        var goOn = $"go on with `switchyard migration start {Name}`.";
        var remedy = error switch
        {
            MigrationException { Remedy: { Length: > 0 } known } => known,
            CutoverFailedException { Remedy: var first } => $"{first} Then {goOn}",
            _ => $"Resolve the cause, then {goOn}",
        };
        try
        {
            await UpdateAsync(r => r with { Error = error.Message, Remedy = remedy, Copied = _copy?.Progress ?? r.Copied }, CancellationToken.None);
        }
        catch (Exception e) when (e is TopologyStoreException or MigrationException)
        {
            LogFailure(environment.Log, Name, e);
        }
    }

    /// <summary>What follows when stream and copy have ended.</summary>
    private enum Next
    {
        Nothing,

        /// <summary>Begin again: the origin is another server now.</summary>
        SourceMoved,

        /// <summary>Begin again: some tables are to be copied once more.</summary>
        CopyAgain,
    }

    [LoggerMessage(7001, LogLevel.Information, "Migration {Migration} is now {State}")]
    private static partial void LogState(ILogger log, string migration, MigrationState state);

    [LoggerMessage(7002, LogLevel.Error, "Migration {Migration} stands still")]
    private static partial void LogFailure(ILogger log, string migration, Exception error);

    [LoggerMessage(7003, LogLevel.Warning, "The stream of migration {Migration} did not stop cleanly")]
    private static partial void LogClose(ILogger log, string migration, Exception error);
}
