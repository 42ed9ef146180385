using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;
using Switchyard.Verification;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Comparisons of two servers that nothing writes to, with a replication that is as far behind as the test wants.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class DiffRunTests
{
    private readonly string _schema = LabServer.UniqueSchema();

    [Theory]
    [InlineData(false, 3, 0)]
    [InlineData(true, 3, 3)]
    public async Task A_comparison_that_was_stopped_within_a_chunk_counts_its_differences_once(bool repairs, int differences, int repaired)
    {
        var options = await PrepareAsync(repairs ? "test" : null) with { SuspectsAtOnce = 2 };
        using var stop = new CancellationTokenSource();
        var run = new DiffRun(options);
        var locked = 0;
        using (Faults.FaultPoints.Arm("diff.settle.locked", async token =>
        {
            if (++locked == 3)
            {
                await stop.CancelAsync();
            }

            token.ThrowIfCancellationRequested();
        }))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.RunAsync(stop.Token));
        }

        var rest = new DiffRun(options, run.Progress);
        await rest.RunAsync(default);
        var table = Assert.Single(rest.Progress);
        Assert.Equal((differences, repaired, differences), (table.Differences, table.Repaired, table.Samples.Count));
    }

    [Fact]
    public async Task A_row_is_locked_only_for_as_long_as_the_application_can_be_let_wait()
    {
        var follower = new Follower();
        var options = await PrepareAsync(null) with { Follower = follower, RowLockLimit = TimeSpan.FromMilliseconds(1) };
        using (Faults.FaultPoints.Arm("diff.settle.locked", _ =>
        {
            follower.IsBehind = true;
            return default;
        }))
        {
            var error = await Assert.ThrowsAsync<InvalidOperationException>(() => new DiffRun(options).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(1)));
            Assert.Contains("Resume the comparison when replication has caught up", error.Message, StringComparison.Ordinal);
        }
    }

    private async Task<DiffOptions> PrepareAsync(string? repairAs)
    {
        var from = await LabServer.SharedAsync("mariadb-10.11", "source");
        var to = await LabServer.SharedAsync("mariadb-10.11", "target");
        foreach (var (server, value) in new[] { (from, 1), (to, 2) })
        {
            await using var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), default);
            await connection.ExecuteAsync($"CREATE DATABASE {_schema}", default);
            await connection.ExecuteAsync($"CREATE TABLE {_schema}.t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB", default);
            await connection.ExecuteAsync($"INSERT INTO {_schema}.t VALUES (1, {value}), (2, {value}), (3, {value})", default);
        }

        return new DiffOptions
        {
            From = ConnectionOptions.Parse(from.Dsn),
            To = ConnectionOptions.Parse(to.Dsn),
            Tables = [new TableName(_schema, "t")],
            Follower = new Follower(),
            RepairAs = repairAs,
        };
    }

    /// <summary>Behind for as long as it is waited for, once.</summary>
    private sealed class Follower : IFollower
    {
        public bool IsBehind { get; set; }

        public Task CatchUpAsync(CancellationToken cancellationToken)
        {
            var wait = IsBehind && cancellationToken.CanBeCanceled ? Task.Delay(Timeout.Infinite, cancellationToken) : Task.CompletedTask;
            IsBehind = false;
            return wait;
        }
    }
}
