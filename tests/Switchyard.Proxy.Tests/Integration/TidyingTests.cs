using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Proxy.Tests.Hostile;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Looking after sessions at rest. Other tests' sessions would come past the same points.</summary>
[Collection(MeasuredAlone.Name)]
[Trait("Category", "Integration")]
public sealed class TidyingTests
{
    private const int Rounds = 3;

    private int _looks;

    [Fact]
    public async Task The_failed_tidying_of_one_session_does_not_end_the_tidying_of_the_others()
    {
        await using var harness = await StartAsync();
        await using var one = await harness.ConnectAsync();
        await using var other = await harness.ConnectAsync();
        using (FaultPoints.Arm("proxy.tidy.before", _ => Interlocked.Increment(ref _looks) == 1 ? throw new InvalidOperationException("a defect") : ValueTask.CompletedTask))
        {
            await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 1);
            var before = Volatile.Read(ref _looks);
            await ProxyHarness.UntilAsync(() => Volatile.Read(ref _looks) >= before + Rounds);
        }

        Assert.Contains("a defect", Assert.Single(harness.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backend_that_answers_slowly_does_not_hold_up_the_tidying_of_sessions_that_live_elsewhere()
    {
        await using var harness = await StartAsync();
        await harness.RouteAsync("t", "t");
        await using var there = await harness.ConnectAsync();
        await using var here = await BackendConnection.OpenAsync(harness.Client with { Schema = null }, default);
        var slow = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (FaultPoints.Arm("proxy.tidy.before", async token =>
        {
            if (Interlocked.Increment(ref _looks) == 1)
            {
                await slow.Task.WaitAsync(token);
            }
        }))
        {
            await ProxyHarness.UntilAsync(() => Volatile.Read(ref _looks) > Rounds);
            slow.SetResult();
            await there.PingAsync(default);
            await here.PingAsync(default);
        }
    }

    private static async Task<ProxyHarness> StartAsync() => await ProxyHarness.StartAsync(
        new ProxyOptions { Id = "p1", TidyInterval = TimeSpan.FromMilliseconds(20) },
        ("s", await LabServer.SharedAsync("mariadb-10.11", "source")),
        ("t", await LabServer.SharedAsync("mariadb-10.11", "target")));
}
