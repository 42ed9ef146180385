using System.Threading.Channels;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>A proxy that does nothing but answer gates and warm requests.</summary>
internal sealed class FakeProxy : IAsyncDisposable
{
    private readonly TopologyRepository _topology;
    private readonly LeaseKeeper _lease;
    private readonly Channel<TopologyState> _states = Channel.CreateUnbounded<TopologyState>();
    private readonly TopologyView _view;
    private readonly Task _loop;

    private FakeProxy(string id, TopologyRepository topology, TopologyView view, LeaseKeeper lease)
    {
        Id = id;
        _topology = topology;
        _view = view;
        _lease = lease;
        view.Changed += Enqueue;
        Enqueue(view.Current);
        _loop = RunAsync();
    }

    public string Id { get; }

    /// <summary>Never drains while set: one session has an open transaction.</summary>
    public bool Stuck { get; set; }

    /// <summary>Every backend the routing table has named as writer, in order, without repetition.</summary>
    public List<string> Writers { get; } = [];

    public static async Task<FakeProxy> StartAsync(string id, TopologyRepository topology, TopologyView view, TimeProvider time)
    {
        var lease = await LeaseKeeper.StartAsync(topology.Store, TimeSpan.FromMinutes(5), time);
        await topology.Begin().Put(new ProxyMember(id, "127.0.0.1:1", time.GetUtcNow()), lease.Lease).CommitAsync();
        return new FakeProxy(id, topology, view, lease);
    }

    public async ValueTask DisposeAsync()
    {
        _view.Changed -= Enqueue;
        _states.Writer.TryComplete();
        await _loop;
        await _lease.DisposeAsync();
    }

    private void Enqueue(TopologyState state) => _states.Writer.TryWrite(state);

    private async Task RunAsync()
    {
        await foreach (var state in _states.Reader.ReadAllAsync())
        {
            if (state.Routing.Rules.FirstOrDefault()?.Writer is { } writer && writer != Writers.LastOrDefault())
            {
                Writers.Add(writer);
            }

            foreach (var gate in state.Gates.Values)
            {
                var held = gate.Value.State == GateState.Held;
                var drained = !held || !Stuck || gate.Value.KillBlockers;
                var ack = new GateAck(gate.Value.Id, Id, held, held && drained, 3, 12.5, !held,
                    drained ? [] : [new Blocker(7, "10.0.0.9:5000", "UPDATE orders", 4200, "open transaction")]);
                if (!state.GateAcks.TryGetValue((gate.Value.Id, Id), out var before) || before.Drained != ack.Drained || before.Released != ack.Released)
                {
                    await _topology.Begin().Require(gate).Put(ack, _lease.Lease).CommitAsync();
                }
            }

            foreach (var warm in state.WarmRequests.Values.Where(w => !state.WarmAcks.ContainsKey((w.Id, Id))))
            {
                await _topology.Begin().Put(new WarmAck(warm.Id, Id, 1, 1, []), _lease.Lease).CommitAsync();
            }
        }
    }
}
