using Switchyard.Conformance.Tests.Harness;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Conformance.Tests;

/// <summary>A client whose sessions are moved between two servers with the same rows, again and again while it runs, cannot tell.</summary>
[Trait("Category", "Integration")]
[Collection(ConformanceCollection.Name)]
public sealed class MovedSessionTests(ConformanceServers servers)
{
    private const string ServerName = "mariadb-10.11";

    private static readonly Dictionary<string, string> s_moves = new() { ["CONFORMANCE_MOVES"] = "1" };

    /// <summary>A gate that cannot be drained in this time is given up, as a switch would be, and set again with more of it: the machine may be busy.</summary>
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_longestDeadline = TimeSpan.FromSeconds(10);

    public static TheoryData<string> Clients => ProgramRun.IsFull
        ? [.. ClientProgram.All.Select(program => program.Name)]
        : ["PyMySQL", "mysqli"];

    [Theory]
    [MemberData(nameof(Clients))]
    public async Task A_client_cannot_tell_that_its_sessions_move(string client)
    {
        var program = ClientProgram.Named(client);
        var home = (await servers.GetAsync(ServerName)).Server;
        var other = await servers.GetOtherAsync(ServerName);
        await using var harness = await ProxyHarness.StartAsync(("a", home), ("b", other));
        await ConformanceServers.FillAsync(home, harness.Schema);
        await ConformanceServers.FillAsync(other, harness.Schema);
        await harness.RouteAsync("a", "a");
        var direct = await program.RunAsync(home.Port, harness.Schema, s_moves, "reads", "reads");

        using var stop = new CancellationTokenSource();
        var mover = MoveAsync(harness, stop.Token);
        var proxied = await program.RunAsync(harness.Proxy.EndPoint.Port, harness.Schema, s_moves, "reads", "reads");
        await stop.CancelAsync();
        var moves = await mover;

        Assert.True(direct.ExitCode == 0, direct.Output);
        Difference.AssertNone(Difference.Of(direct.Lines(home.Port, harness.Proxy.EndPoint.Port), proxied.Lines(home.Port, harness.Proxy.EndPoint.Port)));
        Assert.True(moves >= 2, $"the tables moved only {moves} times");
    }

    /// <summary>Switches to and fro as a migration does: hold, drain, flip; how often it came to a flip.</summary>
    private static async Task<int> MoveAsync(ProxyHarness harness, CancellationToken stop)
    {
        var (from, to, flips) = ("a", "b", 0);
        var deadline = s_deadline;
        while (!stop.IsCancellationRequested)
        {
            var gate = await harness.HoldAsync(from, to, deadline);
            var end = await harness.View.WaitAsync(
                state => IsDrained(state, gate) || !state.HeldGates.Any(held => held.Id == gate.Id), CancellationToken.None);
            if (!IsDrained(end, gate) || !await TryFlipAsync(harness, gate))
            {
                deadline = deadline * 1.5 < s_longestDeadline ? deadline * 1.5 : s_longestDeadline;
                continue;
            }

            deadline = s_deadline;
            flips++;
            (from, to) = (to, from);
        }

        return flips;
    }

    private static bool IsDrained(TopologyState state, Gate gate) => state.GateAcks.TryGetValue((gate.Id, "p1"), out var ack) && ack.Drained;

    /// <summary>False when the gate was given up at its deadline in the meantime.</summary>
    private static async Task<bool> TryFlipAsync(ProxyHarness harness, Gate gate)
    {
        if (await harness.Repository.GetGateAsync(gate.Id) is not { Value.State: GateState.Held } record)
        {
            return false;
        }

        var routing = harness.View.Current.Routing;
        var result = await harness.Repository.Begin()
            .Require(record)
            .Put(routing with { Epoch = gate.Epoch, Rules = [new RoutingRule(harness.Schema, null, gate.To!, gate.To!, "m")] })
            .Put(gate with { State = GateState.Flipped })
            .CommitAsync();
        await harness.View.CatchUpAsync(result.Revision);
        return result.Succeeded;
    }
}
