using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Switchyard.Proxy.Gates;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Gates;

/// <summary>Draining, with sessions played by the test.</summary>
public sealed class GateKeeperTests
{
    /// <summary>Two migrations may switch at the same time: the end of a statement wakes both gates.</summary>
    [Fact]
    public async Task Every_gate_that_waits_is_woken_by_the_end_of_a_statement()
    {
        var directory = Directory.CreateTempSubdirectory("switchyard-gates-");
        try
        {
            await using var store = await SqliteTopologyStore.OpenAsync(Path.Combine(directory.FullName, "topology.db"), TimeProvider.System);
            var secrets = SecretProtector.Load(Path.Combine(directory.FullName, "key"), null);
            await using var view = await TopologyView.OpenAsync(store, secrets);
            var options = new ProxyOptions { Id = "p1" };
            await using var membership = new ProxyMembership(options, view, store, TimeProvider.System, NullLogger.Instance);
            await membership.StartAsync("127.0.0.1:1", default);
            await using var keeper = new GateKeeper(options, view, store, membership, new ClockWithoutTimers(), NullLogger.Instance);
            var sessions = new PlayedSessions();
            keeper.Start(sessions);
            Gate[] gates =
            [
                new("g1", "m1", 2, GateState.Held, DateTimeOffset.MaxValue, [new TableScope("shop", null)], 10, 100),
                new("g2", "m2", 2, GateState.Held, DateTimeOffset.MaxValue, [new TableScope("crm", null)], 10, 100),
            ];
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            foreach (var gate in gates)
            {
                await new TopologyRepository(store, secrets, TimeProvider.System).Begin().Put(gate).CommitAsync();
                await sessions.LookedAt(gate.Id).WaitAsync(limit.Token);
            }

            sessions.AreClear = true;
            keeper.AfterStatement();
            await view.WaitAsync(state => gates.All(gate => state.GateAcks.TryGetValue((gate.Id, "p1"), out var ack) && ack.Drained), limit.Token);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Nothing is looked at again because time has passed.</summary>
    private sealed class ClockWithoutTimers : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private sealed class PlayedSessions : IGatedSessions
    {
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _looks = new(StringComparer.Ordinal);
        private volatile bool _areClear;

        public bool AreClear
        {
            set => _areClear = value;
        }

        public Task LookedAt(string gate) => LookAt(gate).Task;

        public List<Blocker> FindBlockers(Gate gate, int limit)
        {
            LookAt(gate.Id).TrySetResult();
            return _areClear ? [] : [new Blocker(1, "127.0.0.1:2", null, 1, "its transaction is open")];
        }

        public Task RefreshUncertainAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public IEnumerable<ulong> FindBusy(string backend) => [];

        public void KillBlockers(Gate gate)
        {
        }

        private TaskCompletionSource LookAt(string gate) => _looks.GetOrAdd(gate, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
    }
}
