namespace Switchyard.Migration.Tests.Real;

/// <summary>Transactions that read on the target when a migration is taken back.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class ReadersAtTheEndTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_cancel_waits_for_a_transaction_that_reads_on_the_target(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO t VALUES (1)");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await world.Service.ValidateAsync(world.Schema, new ValidateRequest(), default);
        await using var app = await world.OpenAppAsync();
        await app.ExecuteAsync("START TRANSACTION READ ONLY", default);
        Assert.Equal(1, (await app.QueryAsync("SELECT COUNT(*) FROM t", default)).GetInt64(0, 0));
        var cancelling = world.Service.CancelAsync(world.Schema, new CancelRequest(), default);
        await using var watcher = await world.OpenTargetAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));

        // One try has waited in vain once none waits any more.
        foreach (var waits in (bool[])[true, false])
        {
            while (!cancelling.IsCompleted
                && (await watcher.QueryAsync("SHOW PROCESSLIST", limit.Token)).Rows.Any(r => r.GetStringOrNull(7) is { } text && text.StartsWith("DROP TABLE", StringComparison.Ordinal) && text.Contains(world.Schema, StringComparison.Ordinal)) != waits)
            {
                await Task.Delay(10, limit.Token);
            }
        }

        Assert.Equal(1, (await app.QueryAsync("SELECT COUNT(*) FROM t", default)).GetInt64(0, 0));
        await app.ExecuteAsync("COMMIT", default);
        Assert.Equal(MigrationState.Cancelled, (await cancelling).State);
    }
}
