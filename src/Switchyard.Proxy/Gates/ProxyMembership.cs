using Microsoft.Extensions.Logging;
using Switchyard.Topology;

namespace Switchyard.Proxy.Gates;

/// <summary>
/// The proxy's place among the live proxies, under a lease. While it is lost the proxy serves no table of a migration: a flip does not
/// count it. Joining again registers first and reads the topology after.
/// </summary>
internal sealed class ProxyMembership(ProxyOptions options, TopologyView view, ITopologyStore store, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>Traces of dead proxies are kept for this long: nothing runs on a server for longer.</summary>
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
            foreach (var old in await ReadOldTracesAsync(cancellationToken))
            {
                joining = joining.Delete(old);
            }

            var result = await store.CommitAsync(joining, cancellationToken);
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

    private async Task<IEnumerable<string>> ReadOldTracesAsync(CancellationToken cancellationToken)
    {
        var oldest = time.GetUtcNow() - s_traceLimit;
        return (await store.ReadAsync(TopologyKeys.ProxyTraces, cancellationToken)).Entries.Where(e => TopologyJson.Read<ProxyTrace>(e.Key, e.Value).StartedAt < oldest).Select(e => e.Key);
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
            catch (TopologyStoreException)
            {
                await Task.Delay(s_retry, time, _stop.Token);
            }
        }
    }
}
