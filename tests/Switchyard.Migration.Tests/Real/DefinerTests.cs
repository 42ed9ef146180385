using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Whom stored code runs as on the other side.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class DefinerTests
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true };

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task Triggers_and_events_run_as_their_own_account_on_the_target_or_the_switch_says_which_is_missing(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB");
        var definer = $"d{world.Schema}";
        await using var source = await world.OpenSourceAsync();
        foreach (var statement in (string[])[
            $"CREATE USER '{definer}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'", $"GRANT ALL ON *.* TO '{definer}'@'%'",
            $"CREATE DEFINER='{definer}'@'%' TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.v=7", $"CREATE DEFINER='{definer}'@'%' EVENT ev ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM t",
            $"CREATE DEFINER='{definer}'@'%' VIEW seen AS SELECT id FROM t",
            $"CREATE DEFINER='{definer}'@'%' FUNCTION f() RETURNS INT DETERMINISTIC RETURN 7",
            $"CREATE DEFINER='{definer}2'@'%' VIEW nobodys AS SELECT id FROM t"])
        {
            await source.ExecuteAsync(statement, default);
        }

        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest { Accounts = [$"{world.AppUser}@%"] }, default);
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, s_request, default));
        var missing = Assert.Single(refused.Findings, f => f.Severity == FindingSeverity.Error);
        Assert.Equal("definer_missing", missing.Code);
        Assert.Contains($"the trigger {world.Schema}.tr, the event {world.Schema}.ev run on 'a'", missing.What, StringComparison.Ordinal);
        Assert.Contains($"accounts copy {world.Schema} --accounts {definer}@%`", missing.Remedy, StringComparison.Ordinal);

        await source.ExecuteAsync($"GRANT EXECUTE ON FUNCTION {world.Schema}.f TO '{definer}'@'%'", default);
        var copied = await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest { Accounts = [$"{definer}@%"] }, default);
        Assert.Contains($"the function {world.Schema}.f, the view {world.Schema}.seen on 'b' run as it now", Assert.Single(copied.Accounts).Note, StringComparison.Ordinal);
        var report = await world.Service.SwitchAsync(world.Schema, s_request, default);
        Assert.Equal("switched", report.Result);
        Assert.Contains($"the view {world.Schema}.nobodys runs", Assert.Single(report.Findings, f => f.Code == "definer_differs").What, StringComparison.Ordinal);
        await using var target = await world.OpenTargetAsync();
        Assert.Equal($"{definer}@%", (await target.QueryAsync($"SELECT definer FROM information_schema.triggers WHERE trigger_schema='{world.Schema}'", default)).GetString(0, 0));
        Assert.Equal($"{definer}@%", (await target.QueryAsync($"SELECT definer FROM information_schema.events WHERE event_schema='{world.Schema}'", default)).GetString(0, 0));
        Assert.Equal($"{definer}@%", (await source.QueryAsync($"SELECT definer FROM information_schema.events WHERE event_schema='{world.Schema}'", default)).GetString(0, 0));
        Assert.Equal($"{definer}@%", (await target.QueryAsync($"SELECT definer FROM information_schema.views WHERE table_schema='{world.Schema}' AND table_name='seen'", default)).GetString(0, 0));
        Assert.Equal($"{definer}@%", (await target.QueryAsync($"SELECT definer FROM information_schema.routines WHERE routine_schema='{world.Schema}' AND routine_name='f'", default)).GetString(0, 0));
        Assert.Equal(1, (await target.QueryAsync($"SELECT COUNT(*) FROM mysql.procs_priv WHERE db='{world.Schema}' AND user='{definer}'", default)).GetInt64(0, 0));
        await target.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
        Assert.Equal(7, (await target.QueryAsync("SELECT v FROM t", default)).GetInt64(0, 0));
    }

    [Theory]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_routine_is_not_lost_when_accounts_copy_ends_while_it_gives_the_routine_back(string from, string to)
    {
        await using var world = await RealWorld.StartAsync(from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB");
        var definer = $"d{world.Schema}";
        await using var source = await world.OpenSourceAsync();
        foreach (var statement in (string[])[
            $"CREATE USER '{definer}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'", $"CREATE DEFINER='{definer}'@'%' FUNCTION f() RETURNS INT DETERMINISTIC RETURN 7",
            $"GRANT EXECUTE ON FUNCTION {world.Schema}.f TO '{definer}'@'%'"])
        {
            await source.ExecuteAsync(statement, default);
        }

        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var request = new CopyAccountsRequest { Accounts = [$"{definer}@%"] };
        using (FaultPoints.Arm("schema.object.create", _ => throw new FaultInjectedException("schema.object.create")))
        {
            await Assert.ThrowsAsync<FaultInjectedException>(() => world.Service.CopyAccountsAsync(world.Schema, request, default));
        }

        await using var target = await world.OpenTargetAsync();
        var left = (await target.QueryAsync($"SELECT routine_name FROM information_schema.routines WHERE routine_schema='{world.Schema}'", default)).RowCount;
        Assert.Equal(target.Server.IsMariaDb ? 1 : 0, left);

        var copied = await world.Service.CopyAccountsAsync(world.Schema, request, default);
        Assert.Contains($"the function {world.Schema}.f on 'b' runs as it now", Assert.Single(copied.Accounts).Note, StringComparison.Ordinal);
        Assert.Equal($"{definer}@%", (await target.QueryAsync($"SELECT definer FROM information_schema.routines WHERE routine_schema='{world.Schema}'", default)).GetString(0, 0));
        Assert.Equal(1, (await target.QueryAsync($"SELECT COUNT(*) FROM mysql.procs_priv WHERE db='{world.Schema}' AND user='{definer}'", default)).GetInt64(0, 0));
    }
}
