using System.Runtime.CompilerServices;
using Switchyard.Proxy.Relay;

namespace Switchyard.Proxy.Tests.Relay;

/// <summary>Methods built from pooled state machines behave as any asynchronous method.</summary>
public sealed class PooledValueTaskBuilderTests
{
    private static readonly AsyncLocal<int> s_local = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Results_and_exceptions_arrive_whether_the_method_suspends_or_not(bool suspends)
    {
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(i + 1, await AddAsync(i, suspends));
            var thrown = await Assert.ThrowsAsync<InvalidOperationException>(async () => await FailAsync(suspends));
            Assert.Equal("meant", thrown.Message);
        }
    }

    [Fact]
    public async Task Many_at_once_do_not_get_each_others_results()
    {
        var results = await Task.WhenAll(Enumerable.Range(0, 2000).Select(async i => await AddAsync(i, suspends: true)));
        Assert.Equal(Enumerable.Range(1, 2000), results);
    }

    [Fact]
    public async Task A_method_goes_on_in_the_execution_context_it_was_called_in()
    {
        s_local.Value = 7;
        Assert.Equal(7, await ReadLocalAsync());
    }

    [Fact]
    public async Task A_value_task_awaited_twice_says_so()
    {
        var task = AddAsync(1, suspends: true);
        Assert.Equal(2, await task);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await task);
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private static async ValueTask<int> AddAsync(int number, bool suspends)
    {
        if (suspends)
        {
            await Task.Yield();
            await NothingAsync();
        }

        return number + 1;
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private static async ValueTask NothingAsync() => await Task.Yield();

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private static async ValueTask FailAsync(bool suspends)
    {
        if (suspends)
        {
            await Task.Yield();
        }

        throw new InvalidOperationException("meant");
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private static async ValueTask<int> ReadLocalAsync()
    {
        await Task.Yield();
        return s_local.Value;
    }
}
