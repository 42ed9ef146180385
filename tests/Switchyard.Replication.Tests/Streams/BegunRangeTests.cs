using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>
/// Changes to a range in flight bring rows of it to the target. When the range is left for later, they must not grow old there: a unique value that the source has
/// given to another row meanwhile would be refused.
/// </summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class BegunRangeTests
{
    private const string Table = "CREATE TABLE users (id INT PRIMARY KEY, email VARCHAR(60) NOT NULL UNIQUE) ENGINE=InnoDB";

    private static readonly CopyOptions s_options = new() { Threads = 1, FirstChunkRows = 10, MaxChunkRows = 10 };

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Rows_that_changes_brought_stay_true_in_the_rest_of_a_chunk_that_was_cut(string server)
    {
        await using var scenario = await CreateAsync(server);
        var stream = await scenario.OpenAsync();
        await using var application = await scenario.ConnectSourceAsync();
        using var grown = FaultPoints.Arm("copy.snapshot.before", Once(1, async token =>
        {
            // Twice as many rows as planned for, and more: only the first of them are in the chunk.
            for (var id = 1; id <= 30; id++)
            {
                await application.ExecuteAsync($"INSERT INTO users VALUES ({id}, 'late{id}')", token);
            }

            await application.ExecuteAsync("UPDATE users SET email='taken' WHERE id=9000", token);
            await Scenario.CatchUpAsync(stream);
        }));
        using var cut = FaultPoints.Arm("copy.turn.after", Once(1, async token =>
        {
            var done = await scenario.Target.QueryAsync($"SELECT upper_bound FROM _switchyard.copy_range WHERE stream_id='{scenario.Definition.Id}' AND state='done'", token);
            Assert.Equal("20", done.GetString(0, 0));
            await PassOnAsync(application, 9000, heir: -1, token);
            await Scenario.CatchUpAsync(stream);
        }));
        await new TableCopier(stream, s_options).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Rows_that_changes_brought_stay_true_in_a_chunk_that_was_given_up(string server)
    {
        await using var scenario = await CreateAsync(server);
        var stream = await scenario.OpenAsync();
        await using var application = await scenario.ConnectSourceAsync();
        using var broken = FaultPoints.Arm("copy.read.after", Once(2, async token =>
        {
            await application.ExecuteAsync("UPDATE users SET email='taken' WHERE id=19000", token);
            await Scenario.CatchUpAsync(stream);
            throw new BackendUnavailableException(UnavailableReason.ConnectionLost, "The source was lost.");
        }));
        using var again = FaultPoints.Arm("copy.open.before", Once(3, async token =>
        {
            await PassOnAsync(application, 19000, heir: 500, token);
            await Scenario.CatchUpAsync(stream);
        }));
        await new TableCopier(stream, s_options).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Rows_that_changes_brought_stay_true_after_a_restart(string server)
    {
        await using var scenario = await CreateAsync(server);
        await using var application = await scenario.ConnectSourceAsync();
        var first = await scenario.OpenAsync();
        using (var end = new CancellationTokenSource())
        using (FaultPoints.Arm("copy.read.after", Once(2, async token =>
        {
            await application.ExecuteAsync("UPDATE users SET email='taken' WHERE id=19000", token);
            await Scenario.CatchUpAsync(first);
            await end.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
        })))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => new TableCopier(first, s_options).RunAsync(end.Token).WaitAsync(TimeSpan.FromMinutes(5)));
            await first.DisposeAsync();
        }

        var stream = await scenario.OpenAsync();
        await PassOnAsync(application, 19000, heir: 500, default);
        await Scenario.CatchUpAsync(stream);
        await new TableCopier(stream, s_options).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    private static async Task<Scenario> CreateAsync(string server)
    {
        var scenario = await Scenario.CreateAsync(server, server, Table);
        await scenario.Source.ExecuteAsync($"INSERT INTO users VALUES {string.Join(",", Enumerable.Range(1, 30).Select(i => $"({i * 1000},'first{i}')"))}", default);
        await scenario.RecordAsync();
        return scenario;
    }

    /// <summary>The row of a range that waits goes, and one of a copied range gets its unique value.</summary>
    private static async Task PassOnAsync(BackendConnection application, int from, int heir, CancellationToken cancellationToken)
    {
        await application.ExecuteAsync($"DELETE FROM users WHERE id={from}", cancellationToken);
        await application.ExecuteAsync($"INSERT INTO users VALUES ({heir}, 'taken')", cancellationToken);
    }

    private static Func<CancellationToken, ValueTask> Once(int hit, Func<CancellationToken, Task> action)
    {
        var hits = 0;
        return async token =>
        {
            if (Interlocked.Increment(ref hits) == hit)
            {
                await action(token);
            }
        };
    }
}
