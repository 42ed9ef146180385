using Microsoft.Extensions.Logging;
using Switchyard.Topology;

namespace Switchyard.Proxy.Gates;

/// <summary>
/// The proxy's place among the live proxies, under a lease. While it is lost the proxy serves no table of a migration: a flip does not
/// count it. Joining again registers first and reads the topology after.
/// </summary>
internal sealed class ProxyMembership(ProxyOptions options, TopologyView view, ITopologyStore store, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>Traces are kept for this long after their proxies were found dead: nothing runs on a server for longer.</summary>
    private static readonly TimeSpan s_traceLimit = TimeSpan.FromDays(30);

    /// <summary>Pause between attempts to join a store that does not answer.</summary>
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private LeaseKeeper? _keeper;
    private volatile TaskCompletionSource _joined = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _loop = Task.CompletedTask;

    /// <summary>The lease acknowledgements are written under; null while the proxy is no member.</summary>
    public Lease? Lease => IsMember ? _keeper?.Lease : null;

    public bool IsMember => _joined.Task.IsCompletedSuccessfully && _keeper is { Lost.IsCancellationRequested: false };

    /// <summary>Completes when the proxy is a member (again).</summary>
    public Task WhenMember() => _joined.Task;

    /// <summary>Registers under <paramref name="address"/> and keeps the membership until disposal.</summary>
    public async Task StartAsync(string address, CancellationToken cancellationToken)
    {
        await JoinAsync(address, cancellationToken);
        _loop = KeepAsync(address);
    }

    /// <summary>Leaves the proxies.</summary>
    /// <param name="isGone">Nothing of the proxy runs on any backend any more, so that it needs no trace.</param>
    public async Task LeaveAsync(bool isGone)
    {
        if (isGone && IsMember)
        {
            try
            {
                await store.CommitAsync(StoreTransaction.Empty.Delete(TopologyKeys.ProxyTrace(options.Id)), _stop.Token);
            }
            catch (TopologyStoreException)
            {
                // It counts as one that died, and a switch looks for what it left.
            }
        }

        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        if (_keeper is not null)
        {
            await _keeper.DisposeAsync();
        }

        _stop.Dispose();
    }

    private async Task JoinAsync(string address, CancellationToken cancellationToken)
    {
        var keeper = await LeaseKeeper.StartAsync(store, options.LeaseTimeToLive, time, cancellationToken);
        try
        {
            var member = new ProxyMember(options.Id, address, time.GetUtcNow());
            var joining = StoreTransaction.Empty.Put(TopologyKeys.Proxy(options.Id), TopologyJson.Write(member), keeper.Lease)
                .Put(TopologyKeys.ProxyTrace(options.Id), TopologyJson.Write(new ProxyTrace(options.Id, member.StartedAt)));
            var result = await store.CommitAsync(await WithoutOldTracesAsync(joining, cancellationToken), cancellationToken);
            await view.CatchUpAsync(result.Revision, cancellationToken);
        }
        catch
        {
            await keeper.DisposeAsync();
            throw;
        }

        _keeper = keeper;
        _joined.TrySetResult();
        ProxyLog.Joined(logger, options.Id);
    }

    /// <summary>Traces age from when their proxies were first missed, however long these had run; those of living ones do not.</summary>
    private async Task<StoreTransaction> WithoutOldTracesAsync(StoreTransaction joining, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var living = (await store.ReadAsync(TopologyKeys.Proxies, cancellationToken)).Entries.Select(e => e.Key).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in (await store.ReadAsync(TopologyKeys.ProxyTraces, cancellationToken)).Entries)
        {
            var trace = TopologyJson.Read<ProxyTrace>(entry.Key, entry.Value);
            if (trace.Id == options.Id || living.Contains(TopologyKeys.Proxy(trace.Id)))
            {
                continue;
            }

            joining = trace.MissedSince is not { } missed ? joining.Put(entry.Key, TopologyJson.Write(trace with { MissedSince = now }))
                : missed < now - s_traceLimit ? joining.Delete(entry.Key)
                : joining;
        }

        return joining;
    }

    private async Task KeepAsync(string address)
    {
        try
        {
            while (true)
            {
                await UntilLostAsync(_keeper!.Lost);
                _stop.Token.ThrowIfCancellationRequested();
                _joined = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                ProxyLog.MembershipLost(logger, options.Id);
                await RejoinAsync(address);
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private async Task UntilLostAsync(CancellationToken lost)
    {
        var either = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var onLost = lost.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), either);
        using var onStop = _stop.Token.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), either);
        await either.Task;
    }

    private async Task RejoinAsync(string address)
    {
        while (true)
        {
            try
            {
                await _keeper!.DisposeAsync();
                await JoinAsync(address, _stop.Token);
                return;
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                // Whatever it is: a proxy that gave up here would serve no table of a migration until somebody starts it anew.
                ProxyLog.RejoinFailed(logger, exception, options.Id);
                await Task.Delay(s_retry, time, _stop.Token);
            }
        }
    }
}
