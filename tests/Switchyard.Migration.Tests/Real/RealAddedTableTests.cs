using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Tables that the application makes while its schema is migrated, taken in on real servers.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RealAddedTableTests
{
    private static readonly string[] s_tables =
    [
        "CREATE TABLE orders (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40)) ENGINE=InnoDB",
        "INSERT INTO orders (v) VALUES ('a'), ('b'), ('c')",
    ];

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_table_made_since_is_taken_in_under_writes_and_goes_there_and_back_with_the_others(string from, string to)
    {
        await using var world = await StartRunningAsync(from, to);
        await using var source = await world.OpenSourceAsync();
        Assert.Equal("clean", (await world.DiffAsync()).State);
        await source.ExecuteAsync(
            "CREATE TABLE made (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, o INT NOT NULL, v VARCHAR(40), KEY by_v (v), CONSTRAINT of_order FOREIGN KEY (o) REFERENCES orders (id) ON DELETE CASCADE) ENGINE=InnoDB", default);
        await source.ExecuteAsync($"INSERT INTO made (o, v) VALUES {string.Join(',', Enumerable.Range(1, 500).Select(i => $"({1 + (i % 3)}, 'v{i}')"))}", default);
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default));
        Assert.Contains($"migration add-table {world.Schema} {world.Schema}.made`", refused.Remedy, StringComparison.Ordinal);

        var (met, goOn) = (NewSignal(), NewSignal());
        using (FaultPoints.Arm("copy.snapshot.before", async token =>
        {
            met.TrySetResult();
            await goOn.Task.WaitAsync(token);
        }))
        {
            var status = await AddAsync(world);
            Assert.Contains(status.Tables, t => t.Name == "made");
            await met.Task.WaitAsync(TimeSpan.FromMinutes(2));
            await source.ExecuteAsync("UPDATE made SET v='while it is copied' WHERE id%3=0", default);
            await source.ExecuteAsync("DELETE FROM orders WHERE id=2", default);
            goOn.SetResult();
            await UntilAddedAsync(world);
        }

        await source.ExecuteAsync("INSERT INTO made (o, v) VALUES (1, 'afterwards')", default);
        Assert.Contains("before tables were copied again or added", (await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default))).Message, StringComparison.Ordinal);
        Assert.Equal("clean", (await world.DiffAsync()).State);
        var report = await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default);
        Assert.Equal("switched", report.Result);
        Assert.DoesNotContain(report.Findings, f => f.Code is "foreign_writes" or "not_watched" or "table_not_migrated");

        await world.UntilFollowingAsync();
        await using var target = await world.OpenTargetAsync();
        await target.ExecuteAsync("INSERT INTO made (o, v) VALUES (3, 'on the other side')", default);
        Assert.Equal("clean", (await world.DiffAsync()).State);
        Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, new SwitchRequest(), default)).Result);
        Assert.Equal(1, (await source.QueryAsync("SELECT COUNT(*) FROM made WHERE v='on the other side'", default)).GetInt64(0, 0));

        // The stream was recorded anew by the way back, without a copy.
        await source.ExecuteAsync("CREATE TABLE more (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", default);
        await source.ExecuteAsync("INSERT INTO more VALUES (1)", default);
        await world.UntilFollowingAsync();
        await AddAsync(world, "more");
        await UntilAddedAsync(world, 2);
        Assert.Equal("clean", (await world.DiffAsync()).State);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_process_that_ends_at_any_step_goes_on_with_the_table_or_has_changed_nothing(string from, string to)
    {
        await using var world = await StartRunningAsync(from, to);
        await using var source = await world.OpenSourceAsync();
        var added = 0;
        foreach (var point in (string[])["add.record.before", "add.record.after", "copy.again.drop.before", "copy.again.create.before", "copy.again.held", "copy.again.mark.before", "copy.again.mark.after", "copy.read.after", "copy.rows.after"])
        {
            var table = $"made{++added}";
            await source.ExecuteAsync($"CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB", default);
            await source.ExecuteAsync($"INSERT INTO {table} VALUES {string.Join(',', Enumerable.Range(1, 100).Select(i => $"({i}, {i})"))}", default);
            var met = NewSignal();
            using (FaultPoints.Arm(point, async token =>
            {
                met.TrySetResult();
                await Task.Delay(Timeout.Infinite, token);
            }))
            {
                using var ends = new CancellationTokenSource();
                var adding = world.Service.AddTablesAsync(world.Schema, new AddTablesRequest { Tables = [table] }, ends.Token);
                await met.Task.WaitAsync(TimeSpan.FromMinutes(2));
                await source.ExecuteAsync($"DELETE FROM {table} WHERE id%13=0", default);
                await ends.CancelAsync();
                await ((Task)adding).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
                await world.RestartAsync();
            }

            if (point == "add.record.before")
            {
                Assert.DoesNotContain((await world.UntilAsync(MigrationState.Running)).Tables, t => t.Name == table);
                await AddAsync(world, table);
            }

            await UntilAddedAsync(world, added);
            var report = await world.DiffAsync();
            Assert.True(report.State == "clean" && report.Tables.Any(t => t.Name == table), $"{point}: {report.Summary}\n{world}");
        }
    }

    [Fact]
    public async Task What_the_target_refuses_is_left_out_again_and_the_migration_runs_on()
    {
        await using var world = await StartRunningAsync("mariadb-11.8", "mysql-9.7");
        await using var source = await world.OpenSourceAsync();
        await using var target = await world.OpenTargetAsync();
        Assert.Equal("clean", (await world.DiffAsync()).State);
        await source.ExecuteAsync("CREATE TABLE fine (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", default);
        await source.ExecuteAsync("CREATE TABLE made (id INT NOT NULL PRIMARY KEY, g VARCHAR(99) GENERATED ALWAYS AS (SFORMAT('{}', id)) STORED) ENGINE=InnoDB", default);
        var refused = await Assert.ThrowsAsync<MigrationException>(() => AddAsync(world, "fine", "made"));
        Assert.Equal("not_added", refused.Code);
        Assert.Contains("refuses to create", refused.Message, StringComparison.Ordinal);
        await world.UntilAsync(MigrationState.Running);
        Assert.Equal(1, (await target.QueryAsync($"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='{world.Schema}'", default)).GetInt64(0, 0));
        await source.ExecuteAsync("INSERT INTO orders (v) VALUES ('goes on')", default);

        await source.ExecuteAsync("DROP TABLE made", default);
        await source.ExecuteAsync("DROP TABLE fine", default);
        await source.ExecuteAsync("CREATE TABLE nokey (id INT) ENGINE=InnoDB", default);
        Assert.Contains("no primary key", (await Assert.ThrowsAsync<MigrationException>(() => AddAsync(world, "nokey"))).Message, StringComparison.Ordinal);
        await source.ExecuteAsync("DROP TABLE nokey", default);

        // What was compared before still counts.
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default)).Result);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_table_of_that_name_on_the_target_is_not_touched(string from, string to)
    {
        await using var world = await StartRunningAsync(from, to);
        await using var source = await world.OpenSourceAsync();
        await using var target = await world.OpenTargetAsync();
        const string Made = "CREATE TABLE made (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB";
        await source.ExecuteAsync(Made, default);
        await target.ExecuteAsync(Made, default);
        await target.ExecuteAsync("INSERT INTO made VALUES (7)", default);
        Assert.Contains(Assert.Single((await Assert.ThrowsAsync<MigrationException>(() => AddAsync(world))).Findings, f => f.Severity == FindingSeverity.Error).Code, "target_not_empty", StringComparison.Ordinal);

        // Nor is one that comes between the check and the work.
        await target.ExecuteAsync("DROP TABLE made", default);
        using (FaultPoints.Arm("add.record.before", async token =>
        {
            await target.ExecuteAsync(Made, token);
            await target.ExecuteAsync("INSERT INTO made VALUES (7)", token);
        }))
        {
            var refused = await Assert.ThrowsAsync<MigrationException>(() => AddAsync(world));
            Assert.Contains("holds rows", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(7, (await target.QueryAsync("SELECT id FROM made", default)).GetInt64(0, 0));
        await world.UntilAsync(MigrationState.Running);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_new_parent_that_a_migrated_table_cascades_from_lets_the_stream_go_on_once_it_is_taken_in(string from, string to)
    {
        await using var world = await StartRunningAsync(from, to);
        await using var source = await world.OpenSourceAsync();
        foreach (var statement in (string[])[
            "CREATE TABLE parent (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO parent VALUES (1), (2)", "ALTER TABLE orders ADD COLUMN p INT NOT NULL DEFAULT 1",
            "ALTER TABLE orders ADD CONSTRAINT of_parent FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE", "UPDATE orders SET p=2 WHERE id=2", "DELETE FROM parent WHERE id=2"])
        {
            await source.ExecuteAsync(statement, default);
        }

        var stopped = await world.UntilAsync(MigrationState.Error);
        Assert.Contains($"migrate {world.Schema}.parent too", stopped.Error, StringComparison.Ordinal);
        await AddAsync(world, "parent");
        await UntilAddedAsync(world);
        await source.ExecuteAsync("INSERT INTO parent VALUES (3)", default);
        await source.ExecuteAsync("UPDATE orders SET p=3 WHERE id=3", default);
        await source.ExecuteAsync("DELETE FROM parent WHERE id=3", default);
        var report = await world.DiffAsync();
        Assert.True(report.State == "clean", $"{report.Summary}\n{world}");
        await using var target = await world.OpenTargetAsync();
        Assert.Equal(1, (await target.QueryAsync("SELECT COUNT(*) FROM orders", default)).GetInt64(0, 0));
    }

    [Fact]
    public async Task Of_a_schema_that_moves_in_part_a_table_brings_its_sequence_along()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-11.8", [.. s_tables, "CREATE SEQUENCE s", "CREATE TABLE more (id BIGINT NOT NULL PRIMARY KEY DEFAULT NEXTVAL(s)) ENGINE=InnoDB", "INSERT INTO more VALUES (DEFAULT), (DEFAULT)"]);
        await world.Service.CreateAsync(new CreateMigrationRequest { Name = world.Schema, Source = "a", Target = "b", Schema = world.Schema, Tables = ["orders"] }, default);
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await AddAsync(world, $"{world.Schema}.more");
        await UntilAddedAsync(world);
        Assert.True((await world.Service.PreflightAsync(world.Schema, default)).Ok);
        Assert.Equal("clean", (await world.DiffAsync()).State);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default)).Result);
        await using var target = await world.OpenTargetAsync();
        await target.ExecuteAsync("INSERT INTO more VALUES (DEFAULT)", default);
        Assert.True((await target.QueryAsync("SELECT MAX(id) FROM more", default)).GetInt64(0, 0) > 2);
    }

    private static async Task<RealWorld> StartRunningAsync(string from, string to)
    {
        var world = await RealWorld.StartAsync(from, to, s_tables);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        return world;
    }

    private static Task<MigrationStatus> AddAsync(RealWorld world, params string[] tables) =>
        world.Service.AddTablesAsync(world.Schema, new AddTablesRequest { Tables = tables.Length == 0 ? ["made"] : tables }, default);

    private static async Task UntilAddedAsync(RealWorld world, int times = 1)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while ((await world.Service.ShowAsync(world.Schema, limit.Token)).Journal.Count(line => line is { Step: "add-table", Event: "done" }) < times)
        {
            var status = await world.Service.StatusAsync(world.Schema, limit.Token);
            Assert.True(status.State != MigrationState.Error, $"{status.Error}\n{world}");
            await Task.Delay(20, limit.Token);
        }

        await world.UntilAsync(MigrationState.Running);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
