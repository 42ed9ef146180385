namespace Switchyard.Topology.Tests;

public sealed class AppliedPositionsTests
{
    [Fact]
    public async Task A_waiter_is_woken_by_the_position_that_reaches_it_and_by_none_before()
    {
        var positions = new AppliedPositions();
        var wait = positions.WaitAsync("m", At(100), Limit.Token()).AsTask();
        positions.Publish("other", At(500));
        positions.Publish("m", At(99));
        Assert.False(wait.IsCompleted);
        Assert.False(positions.HasReached("m", At(100)));
        positions.Publish("m", At(100));
        await wait;
        Assert.True(positions.WaitAsync("m", At(100)).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task No_waiter_is_missed_while_positions_are_published()
    {
        const int Last = 2000;
        var positions = new AppliedPositions();
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var waiters = Enumerable.Range(1, Last).Select(async i =>
        {
            await go.Task;
            await positions.WaitAsync("m", At((ulong)i), Limit.Token());
            Assert.True(positions.HasReached("m", At((ulong)i)));
        }).ToList();
        go.SetResult();
        for (var i = 1; i <= Last; i++)
        {
            positions.Publish("m", At((ulong)i));
        }

        await Task.WhenAll(waiters);
    }

    [Fact]
    public async Task A_position_never_goes_back_unless_the_stream_is_another()
    {
        var positions = new AppliedPositions();
        positions.Publish("m", At(100));
        positions.Publish("m", At(50));
        Assert.Equal(At(100), positions.Current("m"));
        positions.Reset("m");
        Assert.False(positions.HasReached("m", At(1)));
        using var cancelled = new CancellationTokenSource();
        var wait = positions.WaitAsync("m", At(10), cancelled.Token).AsTask();
        positions.Publish("m", At(9));
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
    }

    private static StreamPosition At(ulong offset) => new("binlog.000001", offset);
}
