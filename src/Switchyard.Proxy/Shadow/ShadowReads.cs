using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Routing;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Shadow;

/// <summary>
/// A share of the clients' plain reads, run again on both sides behind the clients' backs and compared. Costs a session one look at a field while no
/// migration asks for it, and never a wait: what the queue has no room for is counted and dropped. Safe from any thread.
/// </summary>
internal sealed class ShadowReads : IAsyncDisposable
{
    public const string SessionState = "the session's state is not known";
    private const string FullQueue = "the queue is full";
    private const string TooLong = "the statement is too long";
    private const int QueueLength = 512;
    private const int Workers = 2;

    /// <summary>Longest statement taken, parameters included.</summary>
    private const int MaxBytes = 64 * 1024;

    private static readonly TimeSpan s_tidyInterval = TimeSpan.FromSeconds(10);

    private readonly TopologyView _view;
    private readonly ReadValidation _validation;
    private readonly Func<ShadowWorker> _hire;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Channel<ShadowRead> _queue = Channel.CreateBounded<ShadowRead>(QueueLength);
    private readonly ConcurrentDictionary<string, ShadowLedger> _ledgers = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _starting = new();
    private Task[] _working = [];
    private volatile bool _isOn;

    public ShadowReads(
        TopologyView view, LegOpener opener, BackendProfiles profiles, AppliedPositions applied, ReadValidation validation, TimeProvider time, ILogger logger)
    {
        _view = view;
        _validation = validation;
        _hire = () => new ShadowWorker(opener, profiles, applied, this, time, logger);
        _time = time;
        _logger = logger;
        view.Changed += OnChanged;
        OnChanged(view.Current);
    }

    /// <summary>Some migration asks for shadow reads.</summary>
    public bool IsOn => _isOn;

    /// <summary>The rule by which a read that was answered is to be run again; null for almost all.</summary>
    public RoutingRule? Choose(StatementInfo info, string? schema)
    {
        if (!info.IsPlainRead || info.StatementCount != 1 || info.Tables.IsEmpty || !info.UserVariables.IsEmpty || info.Kind is not (StatementKind.Select or StatementKind.Values or StatementKind.Table))
        {
            return null;
        }

        var routing = _view.Current.Routing;
        RoutingRule? first = null;
        foreach (var table in info.Tables)
        {
            if ((table.Schema ?? schema) is not { } name || StatementRouter.IsSystemSchema(name)
                || routing.Resolve(name, table.Name)?.Rule is not { Migration: not null, ShadowPercent: > 0 } rule || rule.Reader == rule.Writer
                || (first is not null && first.Migration != rule.Migration))
            {
                return null;
            }

            first = rule;
        }

        return Random.Shared.Next(100) < first!.ShadowPercent ? first : null;
    }

    /// <summary>A chosen read whose session could not be imitated.</summary>
    public void Refuse(RoutingRule rule, string reason) => LedgerOf(rule.Migration!).NotRun(reason);

    public void Offer(ShadowRead read)
    {
        if (read.Sql.Length + (read.Parameters?.Length ?? 0) > MaxBytes)
        {
            LedgerOf(read.Migration).NotRun(TooLong);
        }
        else if (!_queue.Writer.TryWrite(read))
        {
            LedgerOf(read.Migration).NotRun(FullQueue);
        }
    }

    /// <summary>The migration still asks for it, between the same two sides.</summary>
    public bool Wants(ShadowRead read) => _view.Current.Routing.Rules.Any(rule =>
        rule.Migration == read.Migration && rule.ShadowPercent > 0 && rule.Writer == read.Source && rule.Reader == read.Target);

    /// <summary>Says that a shape differs, the first time it does.</summary>
    public void Tell(string migration, string shape, Verdict verdict)
    {
        ShadowLog.ShapeDiffers(_logger, migration, shape, verdict.What, verdict.Detail);
        _validation.Tell(migration, $"The target answers differently ({verdict.What}; {verdict.Detail}): {shape}");
    }

    /// <summary>What has been found of a migration; null when it has never been asked for.</summary>
    public ShadowReadCounts? Show(string migration) =>
        _ledgers.TryGetValue(migration, out var ledger) && ledger.Run == _validation.Run(migration) ? ledger.Show(_queue.Reader.Count) : null;

    public async ValueTask DisposeAsync()
    {
        _view.Changed -= OnChanged;
        _isOn = false;
        await _stop.CancelAsync();
        Task[] working;
        lock (_starting)
        {
            working = _working;
        }

        await Task.WhenAll(working);
        _stop.Dispose();
    }

    private ShadowLedger LedgerOf(string migration)
    {
        var run = _validation.Run(migration);
        return _ledgers.AddOrUpdate(
            migration,
            static (_, arguments) => new ShadowLedger(arguments.run, arguments.time),
            static (_, ledger, arguments) => ledger.Run == arguments.run ? ledger : new ShadowLedger(arguments.run, arguments.time),
            (run, time: _time));
    }

    private void OnChanged(TopologyState state)
    {
        var isOn = false;
        foreach (var rule in state.Routing.Rules)
        {
            if (rule is { Migration: { } migration, ShadowPercent: > 0 } && rule.Reader != rule.Writer)
            {
                isOn = true;
                LedgerOf(migration);
            }
        }

        _isOn = isOn;
        if (!isOn)
        {
            return;
        }

        lock (_starting)
        {
            if (_working.Length == 0 && !_stop.IsCancellationRequested)
            {
                _working = [.. Enumerable.Range(0, Workers).Select(_ => WorkAsync())];
            }
        }
    }

    private async Task WorkAsync()
    {
        await Task.Yield();
        await using var worker = _hire();
        try
        {
            while (true)
            {
                while (_queue.Reader.TryRead(out var read))
                {
                    await RunAsync(worker, read);
                }

                await WaitAsync(worker);
            }
        }
        catch (OperationCanceledException)
        {
            // The proxy stops.
        }
    }

    private async Task RunAsync(ShadowWorker worker, ShadowRead read)
    {
        try
        {
            if (Wants(read))
            {
                await worker.RunAsync(read, LedgerOf(read.Migration), _stop.Token);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            ShadowLog.Failed(_logger, exception, read.Migration);
        }
    }

    /// <summary>Until there is something to do; what the worker has open does not stay open for nothing.</summary>
    private async Task WaitAsync(ShadowWorker worker)
    {
        using var limit = new CancellationTokenSource(s_tidyInterval, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token);
        try
        {
            await _queue.Reader.WaitToReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
        {
            await worker.TidyAsync();
        }
    }
}
