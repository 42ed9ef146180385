using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Proxy.Gates;
using Switchyard.Proxy.Sessions;
using Switchyard.Topology;

namespace Switchyard.Proxy.Legs;

/// <summary>Answers warm requests: opens and prepares every session's leg to a backend before the pause, some at a time.</summary>
internal sealed class SessionWarmer(
    ProxyOptions options, TopologyView view, ITopologyStore store, SessionRegistry sessions, ProxyMembership membership, TimeProvider time, ILogger logger)
    : IAsyncDisposable
{
    /// <summary>Time for one session: a login, and waiting for its running statement to end.</summary>
    private static readonly TimeSpan s_sessionLimit = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, Task> _tasks = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();

    public void Start()
    {
        view.Changed += OnChanged;
        OnChanged(view.Current);
    }

    public async ValueTask DisposeAsync()
    {
        view.Changed -= OnChanged;
        await _stop.CancelAsync();
        await Task.WhenAll(_tasks.Values);
        _stop.Dispose();
    }

    private void OnChanged(TopologyState state)
    {
        foreach (var request in state.WarmRequests.Values)
        {
            if (!state.WarmAcks.ContainsKey((request.Id, options.Id)))
            {
                _tasks.GetOrAdd(request.Id, static (_, arguments) => arguments.self.RunAsync(arguments.request), (self: this, request));
            }
        }

        foreach (var (id, task) in _tasks)
        {
            if (task.IsCompleted && !state.WarmRequests.ContainsKey(id))
            {
                _tasks.TryRemove(id, out _);
            }
        }
    }

    private async Task RunAsync(WarmRequest request)
    {
        await Task.Yield();
        try
        {
            var failures = new ConcurrentBag<WarmFailure>();
            var meant = sessions.All.Where(session => session.IsEstablished).ToArray();
            await Parallel.ForEachAsync(
                meant,
                new ParallelOptions { MaxDegreeOfParallelism = options.WarmParallelism, CancellationToken = _stop.Token },
                async (session, cancellationToken) =>
                {
                    if (await WarmAsync(session, request.Backend, cancellationToken) is { } failure)
                    {
                        failures.Add(failure);
                        ProxyLog.WarmFailed(logger, session.Id, request.Backend, failure.Reason);
                    }
                });
            if (membership.Lease is { } lease)
            {
                var ack = new WarmAck(request.Id, options.Id, meant.Length, meant.Length - failures.Count, failures.ToImmutableArray());
                await store.CommitAsync(
                    StoreTransaction.Empty.Put(TopologyKeys.WarmAck(request.Id, options.Id), TopologyJson.Write(ack), lease), _stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
            // The proxy stops.
        }
        catch (TopologyStoreException exception)
        {
            ProxyLog.GateStoreFailed(logger, request.Id, exception.Message);
        }
    }

    private static WarmFailure Failure(ProxySession session, string reason, bool cannotLogIn = false) =>
        new(session.Id, session.ClientAddress.ToString(), reason) { CannotLogIn = cannotLogIn };

    /// <summary>Null when the session is ready, else why not.</summary>
    private async Task<WarmFailure?> WarmAsync(ProxySession session, string backend, CancellationToken cancellationToken)
    {
        using var expiry = new CancellationTokenSource(s_sessionLimit, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, expiry.Token);
        try
        {
            var failures = await session.WarmAsync(backend, limit.Token);
            return failures.Count == 0 ? null : Failure(session, string.Join("; ", failures.Select(failure => $"{failure.Name}: {failure.Reason}")));
        }
        catch (ServerErrorException exception)
        {
            return Failure(session, $"backend '{backend}' refuses the account '{session.User}': {exception.ServerMessage}", LegRefusal.IsFinal(exception));
        }
        catch (BackendUnavailableException exception)
        {
            return Failure(session, exception.Message, LegRefusal.IsFinal(exception));
        }
        catch (Exception exception) when (exception is LegLostException or FormatException)
        {
            return Failure(session, exception.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Failure(session, $"a statement of it has been running for more than {s_sessionLimit.TotalSeconds} seconds");
        }
        catch (ObjectDisposedException)
        {
            // It ended meanwhile and needs nothing.
            return null;
        }
    }
}
