using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Identity values handed out while a switch is under way, most of them without a row that tells of them.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class IdentityTests
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true };
    private static readonly string[] s_tables = ["kept", "removed", "rolled_back", "refused", "direct", "emptied", "raised", "idle", "parts", "odd-one", "größe"];

    // So many that their values are read in the way that is quicker with many.
    private static readonly string[] s_others = [.. Enumerable.Range(1, 100).Select(i => $"CREATE TABLE other{i} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB")];

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7", true)]
    [InlineData("mysql-9.7", "mariadb-10.11", true)]
    [InlineData("mariadb-11.8", "mariadb-10.5", false)]
    [InlineData("mysql-5.6", "mysql-9.7", false)]
    public async Task A_value_handed_out_before_the_pause_is_never_handed_out_again_after_it(string source, string target, bool many)
    {
        await using var world = await RealWorld.StartAsync(source, target, [.. s_tables.SelectMany(Create), .. many ? s_others : []]);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var app = await world.OpenAppAsync();
        await using var atSource = await world.OpenSourceAsync();
        await using var atTarget = await world.OpenTargetAsync();

        var floors = new Dictionary<string, ulong>();
        using (FaultPoints.Arm("switch.warm.after", async _ => floors = await HandOutAsync(app, atSource)))
        {
            Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request, default)).Result);
        }

        await AssertNoneAgainAsync(app, floors);
        await world.UntilFollowingAsync();
        using (FaultPoints.Arm("switch.hold.before", async _ => floors = await HandOutAsync(app, atTarget)))
        {
            Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, s_request, default)).Result);
        }

        await AssertNoneAgainAsync(app, floors);
        await world.UntilFollowingAsync();
        Assert.Equal("clean", (await world.DiffAsync()).State);
    }

    [Fact]
    public async Task A_sequence_goes_on_above_what_it_handed_out_between_the_preparations_and_the_pause()
    {
        await using var world = await RealWorld.StartAsync(
            "mariadb-10.11", "mariadb-10.11",
            "CREATE SEQUENCE up CACHE 2", "CREATE SEQUENCE down INCREMENT BY -3 CACHE 2", "CREATE SEQUENCE turns START WITH 6 MINVALUE 1 MAXVALUE 8 CACHE 2 CYCLE", "CREATE TABLE t (id INT PRIMARY KEY DEFAULT NEXTVAL(up)) ENGINE=InnoDB");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var there = await world.OpenTargetAsync();
        await there.ExecuteAsync("DROP SEQUENCE down", default);
        var lacking = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, s_request, default));
        Assert.Contains("down", lacking.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(lacking.Report!.Steps, s => s.Name == CutoverSteps.Hold);
        await there.ExecuteAsync("CREATE SEQUENCE down INCREMENT BY -3 CACHE 2", default);
        await using var app = await world.OpenAppAsync();
        var (up, down, turns) = (0L, 0L, 0L);
        using (FaultPoints.Arm("switch.warm.after", async _ =>
        {
            for (var i = 0; i < 7; i++)
            {
                up = (await app.QueryAsync("SELECT NEXTVAL(up)", default)).GetInt64(0, 0);
                down = (await app.QueryAsync("SELECT NEXTVAL(down)", default)).GetInt64(0, 0);
                turns = (await app.QueryAsync("SELECT NEXTVAL(turns)", default)).GetInt64(0, 0);
            }
        }))
        {
            await world.Service.SwitchAsync(world.Schema, s_request, default);
        }

        Assert.Equal((7, -19, 4), (up, down, turns));
        Assert.True((await app.QueryAsync("SELECT NEXTVAL(up)", default)).GetInt64(0, 0) > up);
        Assert.True((await app.QueryAsync("SELECT NEXTVAL(down)", default)).GetInt64(0, 0) < down);
        Assert.Equal(5, (await app.QueryAsync("SELECT NEXTVAL(turns)", default)).GetInt64(0, 0));
    }

    [Theory]
    [InlineData("switch.warm.after")]
    [InlineData("switch.catch-up.after")]
    public async Task A_new_side_that_forgets_in_a_restart_what_it_was_prepared_for_is_prepared_again(string point)
    {
        // Before version 8, MySQL's InnoDB begins behind the highest row after a start.
        await using var target = await LabServer.StartAsync("mysql-5.6");
        await using var world = await RealWorld.StartAsync(await LabServer.SharedAsync("mysql-5.6", "source"), target, limited: false, Create("rolled_back"));
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using (var here = await world.OpenSourceAsync())
        {
            await here.ExecuteAsync("ALTER TABLE rolled_back AUTO_INCREMENT=500", default);
        }

        await using var app = await world.OpenAppAsync();
        using (FaultPoints.Arm(point, async _ => await target.RestartAsync()))
        {
            var given = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, s_request, default));
            Assert.True(given.ExitCode == 5, given.Message);
        }

        await world.UntilFollowingAsync();
        await world.Service.SwitchAsync(world.Schema, s_request, default);
        await app.ExecuteAsync("INSERT INTO rolled_back (v) VALUES (7)", default);
        Assert.True(await OneAsync(app, "SELECT LAST_INSERT_ID()") >= 500);
    }

    [Fact]
    public async Task With_some_tables_move_the_sequences_they_use_and_those_that_are_named_and_no_others()
    {
        await using var world = await RealWorld.StartAsync(
            "mariadb-11.8", "mariadb-10.11",
            "CREATE SEQUENCE used CACHE 2", "CREATE SEQUENCE named CACHE 2", "CREATE SEQUENCE stays CACHE 2", "CREATE SEQUENCE `odd ``one` CACHE 2",
            "CREATE TABLE t (id INT PRIMARY KEY DEFAULT NEXTVAL(used), v INT DEFAULT (1 + (NEXT VALUE FOR `odd ``one`))) ENGINE=InnoDB", "CREATE TABLE other (id INT PRIMARY KEY DEFAULT NEXTVAL(stays)) ENGINE=InnoDB");
        await world.Service.CreateAsync(new CreateMigrationRequest { Name = world.Schema, Source = "a", Target = "b", Schema = world.Schema, Tables = ["t", "named"] }, default);
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var app = await world.OpenAppAsync();
        using (FaultPoints.Arm("switch.warm.after", async _ => await UseAsync()))
        {
            await world.Service.SwitchAsync(world.Schema, s_request, default);
        }

        await using var there = await world.OpenTargetAsync();
        Assert.Equal(
            ["named", "odd `one", "used"],
            (await there.QueryAsync("SELECT table_name FROM information_schema.tables WHERE table_schema=DATABASE() AND table_type='SEQUENCE' ORDER BY table_name", default)).Rows.Select(r => r.GetString(0)));

        // Values go on where the source was, at whichever side serves the sequence.
        await UseAsync();
        Assert.Equal((2, 2), (await OneAsync(app, "SELECT COUNT(*) FROM t"), await OneAsync(there, "SELECT COUNT(*) FROM t")));
        Assert.Equal(2, await OneAsync(app, "SELECT COUNT(DISTINCT v) FROM t"));
        Assert.Equal(3, await OneAsync(app, "SELECT NEXTVAL(stays)"));
        await using var here = await world.OpenSourceAsync();
        Assert.Equal(4, await OneAsync(here, "SELECT NEXTVAL(stays)"));
        Assert.Equal(2, await OneAsync(here, "SELECT NEXTVAL(used)"));
        Assert.Equal(2, await OneAsync(here, "SELECT NEXTVAL(named)"));

        await world.UntilFollowingAsync();
        await world.Service.ReverseAsync(world.Schema, s_request, default);
        await world.Service.CancelAsync(world.Schema, new CancelRequest(), default);
        Assert.Equal(0, await OneAsync(there, $"SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name='{world.Schema}'"));

        async Task UseAsync()
        {
            await app.ExecuteAsync("INSERT INTO t () VALUES ()", default);
            await app.QueryAsync("SELECT NEXTVAL(named)", default);
            await app.QueryAsync("SELECT NEXTVAL(stays)", default);
        }
    }

    [Fact]
    public async Task A_sequence_that_only_a_trigger_uses_moves_with_its_table()
    {
        await using var world = await RealWorld.StartAsync(
            "mariadb-10.11", "mariadb-11.8",
            "CREATE SEQUENCE used CACHE 2", "CREATE SEQUENCE stays", "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB", "CREATE TABLE other (id INT PRIMARY KEY DEFAULT NEXTVAL(stays)) ENGINE=InnoDB",
            "CREATE TRIGGER numbered BEFORE INSERT ON t FOR EACH ROW SET NEW.id=NEXT VALUE FOR used");
        await world.Service.CreateAsync(new CreateMigrationRequest { Name = world.Schema, Source = "a", Target = "b", Schema = world.Schema, Tables = ["t"] }, default);
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var app = await world.OpenAppAsync();
        await app.ExecuteAsync("INSERT INTO t (v) VALUES (1), (2)", default);
        await world.Service.SwitchAsync(world.Schema, s_request, default);

        await app.ExecuteAsync("INSERT INTO t (v) VALUES (3)", default);

        await using var there = await world.OpenTargetAsync();
        Assert.Equal((3, 3), (await OneAsync(there, "SELECT COUNT(*) FROM t"), await OneAsync(there, "SELECT MAX(id) FROM t")));
        Assert.Equal(0, await OneAsync(there, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema=DATABASE() AND table_name='stays'"));
    }

    [Fact]
    public async Task Tables_that_follow_later_and_use_a_sequence_that_moved_before_are_told_what_to_do_and_can_go_then()
    {
        await using var world = await RealWorld.StartAsync(
            "mariadb-10.11", "mariadb-10.11",
            "CREATE SEQUENCE numbers CACHE 2", "CREATE TABLE early (id INT PRIMARY KEY DEFAULT NEXTVAL(numbers)) ENGINE=InnoDB", "CREATE TABLE late (id INT PRIMARY KEY DEFAULT NEXTVAL(numbers)) ENGINE=InnoDB");
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("INSERT INTO late VALUES (), ()", default);
        await CreateAsync("early");
        var meanwhile = await Assert.ThrowsAsync<MigrationException>(() => CreateAsync("late"));
        Assert.Contains($"The sequence {world.Schema}.numbers belongs to the migration 'early'", meanwhile.Message, StringComparison.Ordinal);
        await FinishAsync("early");

        var refused = await Assert.ThrowsAsync<MigrationException>(() => CreateAsync("late"));
        Assert.Equal("sequence_moved", Assert.Single(refused.Findings, f => f.Severity == FindingSeverity.Error).Code);
        Assert.Contains($"The sequence {world.Schema}.numbers went to 'b'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("a sequence of their own", refused.Remedy, StringComparison.Ordinal);

        await source.ExecuteAsync("CREATE SEQUENCE numbers2 START WITH 100", default);
        await source.ExecuteAsync("ALTER TABLE late ALTER COLUMN id SET DEFAULT NEXTVAL(numbers2)", default);
        await CreateAsync("late");
        await FinishAsync("late");
        await using var app = await world.OpenAppAsync();
        await app.ExecuteAsync("INSERT INTO early VALUES ()", default);
        await app.ExecuteAsync("INSERT INTO late VALUES ()", default);
        await using var there = await world.OpenTargetAsync();
        Assert.Equal((1, 100), (await OneAsync(there, "SELECT COUNT(*) FROM early"), await OneAsync(there, "SELECT MAX(id) FROM late")));

        Task<MigrationStatus> CreateAsync(string table) =>
            world.Service.CreateAsync(new CreateMigrationRequest { Name = table, Source = "a", Target = "b", Schema = world.Schema, Tables = [table] }, default);

        async Task FinishAsync(string name)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
            while ((await world.Service.StatusAsync(name, limit.Token)) is not { State: MigrationState.Running, Stream.State: "running" })
            {
                await Task.Delay(20, limit.Token);
            }

            await world.Service.CopyAccountsAsync(name, new CopyAccountsRequest(), default);
            await world.Service.SwitchAsync(name, s_request, default);
            await world.Service.CompleteAsync(name, new CompleteRequest(), default);
        }
    }

    [Fact]
    public async Task Sequences_made_on_the_target_go_with_a_migration_that_is_cancelled()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", "CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB", "CREATE SEQUENCE s");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CancelAsync(world.Schema, new CancelRequest(), default);
        await using var there = await BackendConnection.OpenAsync(world.TargetOptions, default);
        Assert.Equal(0, (await there.QueryAsync($"SELECT 1 FROM information_schema.schemata WHERE schema_name='{world.Schema}'", default)).RowCount);
    }

    [Fact]
    public async Task A_small_column_is_left_all_the_values_it_has()
    {
        await using var world = await RealWorld.StartAsync(
            "mariadb-10.11", "mysql-9.7",
            "CREATE TABLE t (id TINYINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB AUTO_INCREMENT=120", "INSERT INTO t (v) VALUES (1), (2)", "DELETE FROM t WHERE id=121");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await world.Service.SwitchAsync(world.Schema, s_request, default);

        await using var app = await world.OpenAppAsync();
        await app.ExecuteAsync("INSERT INTO t (v) VALUES (3), (4), (5), (6), (7), (8)", default);

        Assert.Equal((122, 127), (await OneAsync(app, "SELECT MIN(id) FROM t WHERE v>2"), await OneAsync(app, "SELECT MAX(id) FROM t")));
    }

    private static string[] Create(string table) =>
    [
        $"CREATE TABLE `{table}` (id INT NOT NULL AUTO_INCREMENT, v INT, u INT, PRIMARY KEY (id){(table == "refused" ? ", UNIQUE KEY (u)" : "")}) ENGINE=InnoDB" +
            (table == "parts" ? " PARTITION BY HASH (id) PARTITIONS 3" : ""),
        $"INSERT INTO `{table}` (v, u) VALUES (1, 1), (2, 2), (3, 3)",
        $"DELETE FROM `{table}` WHERE id=3",
    ];

    /// <summary>Uses identities up in every way, and returns what the server would hand out next.</summary>
    private static async Task<Dictionary<string, ulong>> HandOutAsync(BackendConnection app, BackendConnection direct)
    {
        await app.ExecuteAsync("INSERT INTO kept (v) VALUES (4), (5)", default);
        await app.ExecuteAsync("INSERT INTO removed (v) VALUES (4), (5)", default);
        await app.ExecuteAsync("DELETE FROM removed WHERE v > 3", default);
        foreach (var table in new[] { "rolled_back", "parts", "odd-one", "größe" })
        {
            await app.ExecuteAsync("START TRANSACTION", default);
            await app.ExecuteAsync($"INSERT INTO `{table}` (v) VALUES (4), (5), (6)", default);
            await app.ExecuteAsync("ROLLBACK", default);
        }

        await app.ExecuteAsync("INSERT IGNORE INTO refused (v, u) VALUES (4, 1)", default);
        await app.ExecuteAsync("INSERT INTO refused (v, u) VALUES (4, 2) ON DUPLICATE KEY UPDATE v=9", default);
        await direct.ExecuteAsync("START TRANSACTION", default);
        await direct.ExecuteAsync("INSERT INTO direct (v) VALUES (4), (5)", default);
        await direct.ExecuteAsync("ROLLBACK", default);
        await direct.ExecuteAsync("TRUNCATE TABLE emptied", default);
        await app.ExecuteAsync("INSERT INTO emptied (v) VALUES (1)", default);
        await app.ExecuteAsync("START TRANSACTION", default);
        await app.ExecuteAsync("INSERT INTO emptied (v) VALUES (2), (3)", default);
        await app.ExecuteAsync("ROLLBACK", default);
        await direct.ExecuteAsync($"ALTER TABLE raised AUTO_INCREMENT={await OneAsync(direct, "SELECT MAX(id) FROM raised") + 500}", default);

        var next = new Dictionary<string, ulong>();
        if (direct.Server.IsAtLeast(ServerVendor.MySql, 8, 0))
        {
            await direct.ExecuteAsync("SET SESSION information_schema_stats_expiry=0", default);
        }

        foreach (var row in (await direct.QueryAsync("SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema=DATABASE() AND table_name NOT LIKE 'other%'", default)).Rows)
        {
            next[row.GetString(0)] = row.GetUInt64(1);
        }

        return next;
    }

    private static async Task AssertNoneAgainAsync(BackendConnection app, Dictionary<string, ulong> floors)
    {
        Assert.Equal(s_tables.Order(StringComparer.Ordinal), floors.Keys.Order(StringComparer.Ordinal));
        foreach (var (table, next) in floors)
        {
            await app.ExecuteAsync($"INSERT INTO `{table}` (v) VALUES (7)", default);
            var given = (ulong)await OneAsync(app, "SELECT LAST_INSERT_ID()");
            Assert.True(given >= next, $"{table}: {given} was handed out, and the other side would have handed out {next} next.");
        }
    }

    private static async Task<long> OneAsync(BackendConnection connection, string sql) => (await connection.QueryAsync(sql, default)).GetInt64(0, 0);
}
