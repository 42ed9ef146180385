namespace Switchyard.Migration.Tests.Real;

/// <summary>What the application makes in a schema that is being migrated as a whole.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class LeftOutTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_routine_that_was_changed_since_it_was_copied_is_told(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(
            from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", "CREATE PROCEDURE same() SELECT 1 FROM t", "CREATE PROCEDURE other() SELECT 1 FROM t", "CREATE FUNCTION f() RETURNS INT DETERMINISTIC NO SQL RETURN 1");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        var planned = new SwitchRequest { SkipDiff = true, DryRun = true };
        Assert.DoesNotContain((await world.Service.SwitchAsync(world.Schema, planned, default)).Findings, f => f.Code == "routine_changed");

        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("DROP PROCEDURE other", default);
        await source.ExecuteAsync("CREATE PROCEDURE other() SELECT 2 FROM t", default);
        await source.ExecuteAsync("DROP PROCEDURE same", default);
        await source.ExecuteAsync("CREATE PROCEDURE same() SELECT 1 FROM t", default);
        var report = await world.Service.SwitchAsync(world.Schema, planned with { DryRun = false }, default);
        Assert.Equal("switched", report.Result);
        var what = Assert.Single(report.Findings, f => f.Code == "routine_changed").What;
        Assert.Contains($"the procedure {world.Schema}.other since", what, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_view_that_was_changed_since_it_was_copied_or_since_the_switch_is_told(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(
            from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB", "CREATE VIEW same AS SELECT id, UPPER('a') AS a FROM t", "CREATE VIEW other AS SELECT id FROM t");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        var planned = new SwitchRequest { SkipDiff = true, DryRun = true };
        Assert.DoesNotContain((await world.Service.SwitchAsync(world.Schema, planned, default)).Findings, f => f.Code == "view_changed");

        await using var source = await world.OpenSourceAsync();
        await using var target = await world.OpenTargetAsync();
        const string Changed = "CREATE OR REPLACE VIEW other AS SELECT id, v FROM t";
        await source.ExecuteAsync("CREATE OR REPLACE VIEW same AS SELECT id, UPPER('a') AS a FROM t", default);
        await source.ExecuteAsync(Changed, default);
        Assert.Contains($"the view {world.Schema}.other since", Assert.Single((await world.Service.SwitchAsync(world.Schema, planned, default)).Findings, f => f.Code == "view_changed").What, StringComparison.Ordinal);
        await target.ExecuteAsync(Changed, default);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, planned with { DryRun = false }, default)).Result);

        await world.UntilFollowingAsync();
        Assert.DoesNotContain((await world.Service.ReverseAsync(world.Schema, planned, default)).Findings, f => f.Code == "view_changed");
        await target.ExecuteAsync("CREATE OR REPLACE VIEW same AS SELECT v FROM t", default);
        Assert.Contains($"the view {world.Schema}.same since", Assert.Single((await world.Service.ReverseAsync(world.Schema, planned, default)).Findings, f => f.Code == "view_changed").What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_table_made_since_the_migration_was_created_is_not_left_behind_unseen(string from, string to)
    {
        const string Columns = "(id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB";
        await using var world = await RealWorld.StartAsync(from, to, $"CREATE TABLE t {Columns}", "INSERT INTO t VALUES (1, 1)");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var source = await world.OpenSourceAsync();
        await using var target = await world.OpenTargetAsync();
        await source.ExecuteAsync($"CREATE TABLE _t_del {Columns}", default);
        await source.ExecuteAsync($"CREATE TABLE made {Columns}", default);
        await source.ExecuteAsync("INSERT INTO made VALUES (7, 7)", default);
        await source.ExecuteAsync("CREATE VIEW seen AS SELECT id FROM t", default);
        Assert.Equal("clean", (await world.DiffAsync()).State);

        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default));
        var finding = Assert.Single(refused.Findings, f => f.Severity == FindingSeverity.Error);
        Assert.Equal("table_not_migrated", finding.Code);
        Assert.Contains($"the table {world.Schema}.made,", finding.What, StringComparison.Ordinal);
        Assert.DoesNotContain("_t_del", finding.What, StringComparison.Ordinal);
        Assert.Contains($"{world.Schema}.seen", Assert.Single(refused.Findings, f => f.Code == "object_not_there").What, StringComparison.Ordinal);

        await target.ExecuteAsync($"CREATE TABLE made {Columns}", default);
        await target.ExecuteAsync("INSERT INTO made VALUES (7, 7)", default);
        var report = await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default);
        Assert.Equal("switched", report.Result);
        Assert.Contains(report.Findings, f => f.Code == "table_not_migrated" && f.Severity == FindingSeverity.Warning);

        await world.UntilFollowingAsync();
        await target.ExecuteAsync($"CREATE TABLE later {Columns}", default);
        var back = await world.Service.ReverseAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default);
        Assert.Contains(back.Findings, f => f.Code == "table_not_migrated" && f.What.Contains(".later", StringComparison.Ordinal));
    }
}
