using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Online changes of schema on the source, as tools make them, while a migration is under way.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RealReplacedTableTests
{
    private static readonly string[] s_tables =
    [
        "CREATE TABLE orders (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40), KEY by_v (v)) ENGINE=InnoDB",
        "CREATE TABLE other (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
        "INSERT INTO other VALUES (1)",
    ];

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_swap_as_gh_ost_makes_it_lets_a_running_migration_copy_the_table_again_and_switch_afterwards(string from, string to)
    {
        await using var world = await StartRunningAsync(from, to);
        await using var source = await world.OpenSourceAsync();
        Assert.Equal("clean", (await world.DiffAsync()).State);
        var (met, goOn) = (NewSignal(), NewSignal());
        using (FaultPoints.Arm("copy.snapshot.before", async token =>
        {
            met.TrySetResult();
            await goOn.Task.WaitAsync(token);
        }))
        {
            await SwapAsync(source);
            await met.Task.WaitAsync(TimeSpan.FromMinutes(2));
            var copying = await world.Service.StatusAsync(world.Schema, default);
            Assert.Equal(MigrationState.Copying, copying.State);
            var finding = Assert.Single(copying.Findings, f => f.Code == "table_replaced");
            Assert.Contains($"Table {world.Schema}.orders was replaced on the source by RENAME TABLE at ", finding.What, StringComparison.Ordinal);
            var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default));
            Assert.Contains("is being copied again", refused.Message, StringComparison.Ordinal);
            await source.ExecuteAsync("UPDATE orders SET v='while it is copied' WHERE id%3=0", default);
            goOn.SetResult();
            await world.UntilAsync(MigrationState.Running);
        }

        var outdated = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default));
        Assert.Contains("before tables were copied again", outdated.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(outdated.Findings, f => f.Code is "foreign_writes" or "not_watched");
        Assert.Equal("clean", (await world.DiffAsync()).State);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default)).Result);

        // Now the other way round there is nothing to copy to, since the target serves.
        await world.UntilFollowingAsync();
        await using var target = await world.OpenTargetAsync();
        await SwapAsync(target, "_later");
        var stopped = await world.UntilAsync(MigrationState.Error);
        Assert.Contains("'b' is authoritative", stopped.Error, StringComparison.Ordinal);
        await world.Service.CompleteAsync(world.Schema, new CompleteRequest { SkipDiff = true }, default);
    }

    [Theory]
    [InlineData("mysql-9.7", "mysql-9.7", "copy.schema.connected")]
    [InlineData("mariadb-10.11", "mariadb-11.8", "copy.schema.after")]
    public async Task A_table_changed_before_or_after_it_is_made_is_followed_as_it_has_become(string from, string to, string moment)
    {
        await using var world = await RealWorld.StartAsync(from, to, "CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, v VARCHAR(40) CHARACTER SET latin1) ENGINE=InnoDB", s_tables[1], s_tables[2]);
        await using var source = await world.OpenSourceAsync();
        using (FaultPoints.Arm(moment, async token =>
            await source.ExecuteAsync("ALTER TABLE orders MODIFY v VARCHAR(80) CHARACTER SET utf8mb4, ADD extra INT NOT NULL DEFAULT 7", token)))
        {
            await source.ExecuteAsync("INSERT INTO orders (id, v) VALUES (1, 'ü')", default);
            await world.CreateAsync();
            await world.UntilAsync(MigrationState.Running);
        }

        await source.ExecuteAsync("INSERT INTO orders (id, v) VALUES (2, 'ü')", default);
        await world.UntilFollowingAsync();
        Assert.Equal("clean", (await world.DiffAsync()).State);
        await using var target = await world.OpenTargetAsync();
        Assert.Equal(["ü7", "ü7"], (await target.QueryAsync("SELECT CONCAT(v, extra) FROM orders", default)).Rows.Select(r => r.GetString(0)));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_swap_while_reads_go_to_the_target_waits_until_they_do_not(string from, string to)
    {
        await using var world = await StartRunningAsync(from, to);
        await using var source = await world.OpenSourceAsync();
        await world.Service.ValidateAsync(world.Schema, new ValidateRequest { Percent = 100 }, default);
        await using var target = await world.OpenTargetAsync();
        await SwapAsync(source);
        var stopped = await world.UntilAsync(MigrationState.Error);
        Assert.Contains("reads go to 'b'", stopped.Error, StringComparison.Ordinal);
        Assert.Equal(100, (await target.QueryAsync("SELECT COUNT(*) FROM orders", default)).GetInt64(0, 0));

        await world.Service.ValidateAsync(world.Schema, new ValidateRequest { Off = true }, default);
        await world.Service.StartAsync(world.Schema, new StartRequest(), default);
        await UntilCopiedAgainAsync(world);
        Assert.Equal("clean", (await world.DiffAsync()).State);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_process_that_ends_at_any_step_goes_on_copying_the_table_again(string from, string to)
    {
        await using var world = await StartRunningAsync(from, to);
        await using var source = await world.OpenSourceAsync();
        var swaps = 0;
        foreach (var point in (string[])["copy.again.record.before", "copy.again.drop.before", "copy.again.create.before", "copy.again.mark.before", "copy.again.mark.after", "copy.read.after", "copy.rows.after"])
        {
            var met = NewSignal();
            using (FaultPoints.Arm(point, async token =>
            {
                met.TrySetResult();
                await Task.Delay(Timeout.Infinite, token);
            }))
            {
                await SwapAsync(source, $"_{++swaps}");
                await met.Task.WaitAsync(TimeSpan.FromMinutes(2));
                await source.ExecuteAsync("DELETE FROM orders WHERE id%13=0", default);
                await world.RestartAsync();
            }

            await UntilCopiedAgainAsync(world, swaps);
            var report = await world.DiffAsync();
            Assert.True(report.State == "clean", $"{point}: {report.Summary}\n{world}");
        }
    }

    [Fact]
    public async Task A_swap_refused_for_its_new_definition_is_copied_when_that_is_mended()
    {
        await using var world = await StartRunningAsync("mariadb-10.11", "mysql-9.7");
        await using var source = await world.OpenSourceAsync();
        foreach (var statement in (string[])["CREATE TABLE n (id INT, v VARCHAR(40)) ENGINE=InnoDB", "INSERT INTO n SELECT id, v FROM orders", "RENAME TABLE orders TO o, n TO orders"])
        {
            await source.ExecuteAsync(statement, default);
        }

        var stopped = await world.UntilAsync(MigrationState.Error);
        Assert.Contains("has no primary key", stopped.Error, StringComparison.Ordinal);
        await source.ExecuteAsync("ALTER TABLE orders ADD PRIMARY KEY (id)", default);
        await world.Service.StartAsync(world.Schema, new StartRequest(), default);
        await UntilCopiedAgainAsync(world);
        Assert.Equal("clean", (await world.DiffAsync()).State);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_table_that_lost_its_key_and_got_one_of_a_new_column_is_copied_again_once_it_is_started(string from, string to)
    {
        await using var world = await StartRunningAsync(from, to);
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("ALTER TABLE other DROP PRIMARY KEY", default);
        Assert.Contains("lost its primary key", (await world.UntilAsync(MigrationState.Error)).Error, StringComparison.Ordinal);
        await source.ExecuteAsync("INSERT INTO other VALUES (1), (7)", default);
        await source.ExecuteAsync("ALTER TABLE other ADD COLUMN row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", default);
        await world.Service.StartAsync(world.Schema, new StartRequest(), default);
        await UntilCopiedAgainAsync(world);
        Assert.Equal("clean", (await world.DiffAsync()).State);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_foreign_key_that_went_away_with_the_old_table_is_told_before_the_target_has_another_one(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(
            from, to, [.. s_tables, "CREATE TABLE `lines` (id INT NOT NULL PRIMARY KEY, o INT NOT NULL, CONSTRAINT of_order FOREIGN KEY (o) REFERENCES orders (id)) ENGINE=InnoDB"]);
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("INSERT INTO orders (id, v) VALUES (1, 'a'), (2, 'b')", default);
        await source.ExecuteAsync("INSERT INTO `lines` VALUES (1, 1)", default);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);

        await SwapAsync(source);
        var stopped = await world.UntilAsync(MigrationState.Error);
        Assert.Contains("of_order", stopped.Error, StringComparison.Ordinal);
        Assert.Contains("_orders_del", stopped.Error, StringComparison.Ordinal);
        await using var target = await world.OpenTargetAsync();
        Assert.Equal(2, (await target.QueryAsync("SELECT COUNT(*) FROM orders", default)).GetInt64(0, 0));

        await source.ExecuteAsync("ALTER TABLE `lines` DROP FOREIGN KEY of_order", default);
        await source.ExecuteAsync("ALTER TABLE `lines` ADD CONSTRAINT of_order FOREIGN KEY (o) REFERENCES orders (id)", default);
        await world.Service.StartAsync(world.Schema, new StartRequest(), default);
        await UntilCopiedAgainAsync(world);
        Assert.Equal("clean", (await world.DiffAsync()).State);
    }

    [Fact]
    [Trait("Waits", "limits")]
    public async Task A_table_that_somebody_on_the_target_holds_is_told_until_it_can_be_made_anew()
    {
        await using var world = await StartRunningAsync("mariadb-10.11", "mysql-9.7");
        await using var source = await world.OpenSourceAsync();
        await using var reader = await world.OpenTargetAsync();
        await reader.ExecuteAsync("START TRANSACTION", default);
        await reader.QueryAsync("SELECT COUNT(*) FROM orders", default);
        await SwapAsync(source);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        Finding? waits = null;
        while (waits is null)
        {
            await Task.Delay(100, limit.Token);
            waits = (await world.Service.StatusAsync(world.Schema, limit.Token)).Findings.FirstOrDefault(f => f.Code == "table_replaced_waits");
        }

        Assert.Contains($"{world.Schema}.orders", waits.What, StringComparison.Ordinal);
        Assert.Contains("PROCESSLIST", waits.Remedy, StringComparison.Ordinal);
        await reader.ExecuteAsync("ROLLBACK", default);
        await UntilCopiedAgainAsync(world);
        Assert.DoesNotContain((await world.Service.StatusAsync(world.Schema, default)).Findings, f => f.Code == "table_replaced_waits");
    }

    private static async Task<RealWorld> StartRunningAsync(string from, string to)
    {
        var world = await RealWorld.StartAsync(from, to, s_tables);
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync($"INSERT INTO orders (v) VALUES {string.Join(',', Enumerable.Range(1, 100).Select(i => $"('v{i}')"))}", default);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        return world;
    }

    /// <summary>Rows are copied behind the back of the stream, which knows the table by another name until then.</summary>
    private static async Task SwapAsync(BackendConnection server, string suffix = "")
    {
        foreach (var statement in (string[])[
            "CREATE TABLE _orders_gho LIKE orders", $"ALTER TABLE _orders_gho ADD COLUMN extra{suffix} INT NOT NULL DEFAULT 3", $"INSERT INTO _orders_gho SELECT o.*, 4 FROM orders o",
            $"RENAME TABLE orders TO _orders_del{suffix}, _orders_gho TO orders", "INSERT INTO orders (v) VALUES ('behind')"])
        {
            await server.ExecuteAsync(statement, default);
        }
    }

    private static async Task UntilCopiedAgainAsync(RealWorld world, int times = 1)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while ((await world.Service.ShowAsync(world.Schema, limit.Token)).Journal.Count(line => line is { Step: "copy-again", Event: "done" }) < times)
        {
            var status = await world.Service.StatusAsync(world.Schema, limit.Token);
            Assert.True(status.State != MigrationState.Error, $"{status.Error}\n{world}");
            await Task.Delay(20, limit.Token);
        }

        await world.UntilAsync(MigrationState.Running);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
