using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RealDiffTests
{
    // Column, first value, second value: two values of each type that are close to each other.
    private static readonly (string Type, string Value, string Other)[] s_types =
    [
        ("TINYINT", "-128", "-127"),
        ("BIGINT UNSIGNED", "18446744073709551615", "18446744073709551614"),
        ("DECIMAL(30,10)", "12345678901234567890.0000000001", "12345678901234567890.0000000002"),
        ("FLOAT", "0.1", "0.10000001"),
        ("DOUBLE", "0.1", "0.10000000000000002"),
        ("BIT(10)", "b'1000000001'", "b'1000000000'"),
        ("YEAR", "2024", "2025"),
        ("DATE", "'2024-02-29'", "'2024-02-28'"),
        ("TIME(6)", "'-838:59:58.999999'", "'-838:59:58.999998'"),
        ("DATETIME(6)", "'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.000002'"),
        ("TIMESTAMP(3) NULL", "'2024-06-01 12:00:00.001'", "'2024-06-01 12:00:00.002'"),
        ("ENUM('a','b','c')", "'a'", "'b'"),
        ("SET('x','y','z')", "'x,z'", "'x,y'"),
        ("CHAR(10) CHARACTER SET latin1", "'é'", "'e'"),
        ("VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", "'Größe'", "'GRÖSSE'"),
        ("VARCHAR(50) CHARACTER SET utf8mb4", "'a'", "'a '"),
        ("TEXT", "REPEAT('x', 5000)", "CONCAT(REPEAT('x', 4999), 'y')"),
        ("BINARY(8)", "x'0102030000000000'", "x'0102030000000001'"),
        ("VARBINARY(20)", "x'00'", "x'0000'"),
        ("BLOB", "REPEAT(x'ff', 3000)", "REPEAT(x'ff', 3001)"),
        ("INT", "NULL", "0"),
        ("VARCHAR(10)", "''", "NULL"),
        ("GEOMETRY", "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(1 3)')"),
    ];

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task A_clean_comparison_of_some_tables_does_not_count_for_the_others(string source, string target)
    {
        const string Columns = "(id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB";
        await using var world = await RealWorld.StartAsync(source, target, $"CREATE TABLE good {Columns}", $"CREATE TABLE bad {Columns}", "INSERT INTO good VALUES (1, 1)", "INSERT INTO bad VALUES (1, 1)");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using (var connection = await world.OpenTargetAsync())
        {
            await connection.ExecuteAsync("SET SESSION sql_log_bin=0", default);
            await connection.ExecuteAsync("UPDATE bad SET v=2", default);
        }

        await world.Service.StartDiffAsync(world.Schema, new DiffRequest { Tables = ["good"] }, default);
        var partly = await world.Service.WaitDiffAsync(world.Schema, default);
        Assert.Equal(("clean", "bad"), (partly.State, Assert.Single(partly.NotCompared)));
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default));
        Assert.Contains("bad", Assert.Single(refused.Findings, f => f.Severity == FindingSeverity.Error && f.Code == "diff_partial").What, StringComparison.Ordinal);

        // What repairs a whole comparison looks at some tables only, and stands for all.
        Assert.Equal("differences", (await world.DiffAsync()).State);
        await world.RestartAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.RepairDiffAsync(world.Schema, default);
        Assert.Equal("repaired", (await world.Service.WaitDiffAsync(world.Schema, default)).State);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default)).Result);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_difference_in_any_type_is_found_named_and_repaired(string source, string target)
    {
        var columns = s_types.Select((t, i) => $"c{i} {t.Type}").ToArray();
        await using var world = await RealWorld.StartAsync(source, target, $"CREATE TABLE t (id INT NOT NULL PRIMARY KEY, {string.Join(", ", columns)}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
        await using (var connection = await world.OpenSourceAsync())
        {
            await connection.ExecuteAsync("SET SESSION sql_mode='', time_zone='+00:00'", default);
            for (var id = 0; id < s_types.Length + 3; id++)
            {
                await connection.ExecuteAsync($"INSERT INTO t VALUES ({id}, {string.Join(", ", s_types.Select(t => t.Value))})", default);
            }
        }

        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var clean = await world.DiffAsync();
        Assert.True(clean.State == "clean", Describe(clean));
        Assert.Equal(s_types.Length + 3, clean.Rows);

        await using (var connection = await world.OpenTargetAsync())
        {
            await connection.ExecuteAsync("SET SESSION sql_mode='', time_zone='+00:00'", default);
            for (var i = 0; i < s_types.Length; i++)
            {
                await connection.ExecuteAsync($"UPDATE t SET c{i}={s_types[i].Other} WHERE id={i}", default);
            }

            await connection.ExecuteAsync($"DELETE FROM t WHERE id={s_types.Length}", default);
            await connection.ExecuteAsync("INSERT INTO t (id) VALUES (-5), (1000000)", default);
        }

        var dirty = await world.DiffAsync();
        var table = Assert.Single(dirty.Tables);
        Assert.Equal((1, 2, s_types.Length), (table.Missing, table.Extra, table.Different));
        for (var i = 0; i < s_types.Length; i++)
        {
            var sample = table.Samples.Single(s => s.Key == $"{i}");
            Assert.Equal(("different", $"c{i}"), (sample.Kind, Assert.Single(sample.Columns)));
        }

        Assert.Equal(["-5", "1000000"], table.Samples.Where(s => s.Kind == "extra").Select(s => s.Key).Order(StringComparer.Ordinal));
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default));
        Assert.Contains(refused.Findings, f => f.Code == "diff_dirty");

        await world.Service.RepairDiffAsync(world.Schema, default);
        Assert.Equal("repaired", (await world.Service.WaitDiffAsync(world.Schema, default)).State);
        var repaired = await world.DiffAsync();
        Assert.True(repaired.State == "clean", Describe(repaired));
    }

    [Fact]
    public async Task A_scalar_inside_JSON_that_only_lost_its_type_is_found_and_repaired_between_MySQL_servers()
    {
        string[] documents = ["JSON_ARRAY(DATE'2020-01-01', 1)", "JSON_OBJECT('n', 1.5)", "CAST(CAST(7 AS UNSIGNED) AS JSON)", "JSON_ARRAY(x'00ff')", "JSON_ARRAY(1700000000000)", "JSON_ARRAY(CAST(1700000000000 AS UNSIGNED))", "'[\"2020-01-01\", 1, 1.5]'"];
        string[] asText = ["'[\"2020-01-01\", 1]'", "'{\"n\": 1.5}'", "'7'", "'[\"base64:type15:AP8=\"]'", "'[1700000000000]'", "JSON_ARRAY(1700000000000)"];
        await using var world = await RealWorld.StartAsync("mysql-9.7", "mysql-9.7", "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, doc JSON) ENGINE=InnoDB");
        await using (var connection = await world.OpenSourceAsync())
        {
            await connection.ExecuteAsync($"INSERT INTO t VALUES {string.Join(", ", documents.Select((d, id) => $"({id}, {d})"))}", default);
        }

        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        Assert.Equal("clean", (await world.DiffAsync()).State);
        await using var target = await world.OpenTargetAsync();
        for (var id = 0; id < asText.Length; id++)
        {
            // An update would keep what compares equal.
            await target.ExecuteMultiAsync(System.Text.Encoding.UTF8.GetBytes($"DELETE FROM t WHERE id={id};INSERT INTO t VALUES ({id}, {asText[id]})"), default);
        }

        var dirty = await world.DiffAsync();
        Assert.Equal((0, 0, asText.Length), Counts(dirty, "t"));
        await world.Service.RepairDiffAsync(world.Schema, default);
        Assert.Equal("repaired", (await world.Service.WaitDiffAsync(world.Schema, default)).State);
        Assert.Equal("clean", (await world.DiffAsync()).State);
        var types = await target.QueryAsync("SELECT GROUP_CONCAT(JSON_TYPE(COALESCE(JSON_EXTRACT(doc, '$[0]'), doc)) ORDER BY id) FROM t", default);
        Assert.Equal("DATE,OBJECT,UNSIGNED INTEGER,BLOB,INTEGER,UNSIGNED INTEGER,STRING", types.GetString(0, 0));
    }

    [Fact]
    public async Task A_JSON_value_that_a_server_cannot_give_with_its_types_ends_the_comparison_by_name()
    {
        await using var source = await LabServer.StartAsync("mysql-9.7");
        await using var world = await RealWorld.StartAsync(source, await LabServer.SharedAsync("mysql-9.7", "target"), limited: false, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, doc JSON) ENGINE=InnoDB");
        await using var connection = await world.OpenSourceAsync();
        await connection.ExecuteAsync("INSERT INTO t VALUES (1, JSON_ARRAY(REPEAT('x', 1048570)))", default);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await connection.ExecuteAsync("SET GLOBAL max_allowed_packet=1048576", default);

        await world.Service.StartDiffAsync(world.Schema, new DiffRequest(), default);
        var report = await world.Service.WaitDiffAsync(world.Schema, default);
        Assert.Equal("failed", report.State);
        Assert.Contains($"{world.Schema}.t.doc is printed, with the types of its scalars, longer than the max_allowed_packet of the authoritative side", report.Summary.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mysql-9.7", "mysql-9.7", 2)]
    [InlineData("mysql-9.7", "mariadb-10.11", 1)]
    public async Task JSON_too_long_to_hold_is_compared_by_what_it_means_and_repaired(string source, string target, int different)
    {
        static string Document(string date) => $"JSON_OBJECT('text', REPEAT('x\"', 1000000), 'list', JSON_ARRAY(1, 2.5, {date}), 'last', 4)";
        await using var world = await RealWorld.StartAsync(source, target, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, doc JSON) ENGINE=InnoDB");
        await using (var connection = await world.OpenSourceAsync())
        {
            foreach (var id in Enumerable.Range(1, 4))
            {
                await connection.ExecuteAsync($"INSERT INTO t VALUES ({id}, {Document("DATE'2020-01-01'")})", default);
            }
        }

        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var clean = await world.DiffAsync();
        Assert.True(clean.State == "clean", Describe(clean));
        await using var following = await world.OpenTargetAsync();
        await following.ExecuteAsync("UPDATE t SET doc=JSON_SET(doc, '$.last', 5) WHERE id=1", default);
        if (following.Server.IsMariaDb)
        {
            // Other text, the same meaning.
            await following.ExecuteAsync("UPDATE t SET doc=REPLACE(doc, ', ', ' ,') WHERE id=2", default);
        }
        else
        {
            await following.ExecuteMultiAsync($"DELETE FROM t WHERE id=2;INSERT INTO t VALUES (2, {Document("'2020-01-01'")})", default);
        }

        await following.ExecuteAsync("DELETE FROM t WHERE id=3", default);

        var dirty = await world.DiffAsync();
        Assert.Equal((1, 0, different), Counts(dirty, "t"));
        await world.Service.RepairDiffAsync(world.Schema, default);
        Assert.Equal("repaired", (await world.Service.WaitDiffAsync(world.Schema, default)).State);
        var repaired = await world.DiffAsync();
        Assert.True(repaired.State == "clean", Describe(repaired));
        var last = await following.QueryAsync($"SELECT DISTINCT {(following.Server.IsMariaDb ? "'DATE'" : "JSON_TYPE(JSON_EXTRACT(doc, '$.list[2]'))")}, CAST(JSON_EXTRACT(doc, '$.last') AS CHAR) FROM t", default);
        Assert.Equal(("DATE", "4", 1), (last.GetString(0, 0), last.GetString(0, 1), last.RowCount));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task Values_too_long_to_hold_are_compared_to_their_last_byte_and_repaired(string source, string target)
    {
        // 3 MB each, of bytes that have to be escaped; the second byte of the character is a backslash.
        const string zeros = "REPEAT(x'0027', 1500000)", gbk = "REPEAT(CONVERT(_utf8mb4 x'E8AAA0' USING gbk), 1500000)";
        await using var world = await RealWorld.StartAsync(source, target, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, b LONGBLOB, g LONGTEXT CHARACTER SET gbk, n INT) ENGINE=InnoDB");
        await using (var connection = await world.OpenSourceAsync())
        {
            await connection.ExecuteMultiAsync($"INSERT INTO t VALUES (1, {zeros}, {gbk}, 1);INSERT INTO t VALUES (2, {zeros}, {gbk}, 2);INSERT INTO t VALUES (3, {zeros}, NULL, 3);INSERT INTO t VALUES (4, 'short', 'short', 4)", default);
        }

        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var clean = await world.DiffAsync();
        Assert.True(clean.State == "clean", Describe(clean));
        await using (var connection = await world.OpenTargetAsync())
        {
            await connection.ExecuteAsync("UPDATE t SET b=CONCAT(LEFT(b, LENGTH(b) - 1), 'x') WHERE id=1", default);
            await connection.ExecuteAsync("UPDATE t SET g=CONCAT(g, 'x') WHERE id=2", default);
            await connection.ExecuteAsync("DELETE FROM t WHERE id=3", default);
            await connection.ExecuteAsync($"UPDATE t SET b={zeros} WHERE id=4", default);
        }

        var dirty = await world.DiffAsync();
        var table = Assert.Single(dirty.Tables);
        Assert.Equal((1, 0, 3), (table.Missing, table.Extra, table.Different));
        Assert.Equal(["1 b", "2 g", "4 b"], table.Samples.Where(s => s.Kind == "different").Select(s => $"{s.Key} {Assert.Single(s.Columns)}").Order(StringComparer.Ordinal));
        await world.Service.RepairDiffAsync(world.Schema, default);
        Assert.Equal("repaired", (await world.Service.WaitDiffAsync(world.Schema, default)).State);
        var repaired = await world.DiffAsync();
        Assert.True(repaired.State == "clean", Describe(repaired));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task Rows_with_composite_and_collated_keys_are_all_looked_at(string source, string target)
    {
        await using var world = await RealWorld.StartAsync(
            source, target,
            "CREATE TABLE words (word VARCHAR(60) NOT NULL, n INT NOT NULL, v INT, PRIMARY KEY (word, n)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
            "CREATE TABLE kinds (kind ENUM('z','a','m') NOT NULL, at DATETIME(3) NOT NULL, bin VARBINARY(16) NOT NULL, v INT, PRIMARY KEY (kind, at, bin)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
            "CREATE TABLE latin (name CHAR(20) CHARACTER SET latin1 COLLATE latin1_german1_ci NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB");
        await using (var connection = await world.OpenSourceAsync())
        {
            // More than one chunk of each table, in an order that is no byte order.
            string[] stems = ["Apfel", "apfelmus", "Äpfel x", "_under", "ÿ", "zebra", "Öl", "straße", "İstanbul", "日本", "a-b", "😀"];
            for (var i = 0; i < 400; i++)
            {
                var words = stems.Select((s, n) => $"('{s}{i % 97}', {i * 20 + n}, {i})");
                await connection.ExecuteAsync($"INSERT INTO words VALUES {string.Join(",", words)}", default);
                await connection.ExecuteAsync($"INSERT INTO kinds VALUES ({(i % 3) + 1}, '2024-01-01 00:00:{i % 60:d2}.{i:d3}', x'{i:x4}00', {i})", default);
                await connection.ExecuteAsync($"INSERT INTO latin VALUES ('{(char)('a' + (i % 26))}ü{i}', {i})", default);
            }
        }

        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var clean = await world.DiffAsync();
        Assert.True(clean.State == "clean", Describe(clean));
        Assert.Equal((400 * 12) + 400 + 400, clean.Rows);

        await using (var connection = await world.OpenTargetAsync())
        {
            await connection.ExecuteAsync("UPDATE words SET word=UPPER(word) WHERE n=25 OR n=20*399", default);
            await connection.ExecuteAsync("INSERT INTO words VALUES ('!first', 1, 1), ('😀😀last', 1, 1)", default);
            await connection.ExecuteAsync("DELETE FROM kinds WHERE v=399", default);
            await connection.ExecuteAsync("UPDATE latin SET v=v+1 WHERE v=0", default);
        }

        var dirty = await world.DiffAsync();
        Assert.Equal((1, 0, 0), Counts(dirty, "kinds"));
        Assert.Equal((0, 0, 1), Counts(dirty, "latin"));
        // A key that differs only in case is another key by its bytes: one row too few and one too many.
        Assert.Equal((2, 4, 0), Counts(dirty, "words"));
        await world.Service.RepairDiffAsync(world.Schema, default);
        await world.Service.WaitDiffAsync(world.Schema, default);
        var repaired = await world.DiffAsync();
        Assert.True(repaired.State == "clean", Describe(repaired));
    }

    [Fact]
    public async Task A_comparison_is_clean_while_every_row_is_being_changed()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", Workload.Tables);
        await Workload.FillAsync(world, 20_000);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        using var stop = new CancellationTokenSource();
        var churn = Enumerable.Range(0, 3).Select(i => ChurnAsync(world, i, stop.Token)).ToList();

        for (var round = 0; round < 3; round++)
        {
            var report = await world.DiffAsync();
            Assert.True(report.State == "clean", Describe(report));
        }

        await stop.CancelAsync();
        var changes = 0;
        foreach (var task in churn)
        {
            changes += await task;
        }

        Assert.True(changes > 50);
    }

    [Fact]
    public async Task A_stopped_comparison_goes_on_after_a_restart()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", Workload.Tables);
        await Workload.FillAsync(world, 25_000);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var chunks = 0;
        using (Faults.FaultPoints.Arm("diff.chunk.before", token => Interlocked.Increment(ref chunks) > 4 ? new ValueTask(Task.Delay(Timeout.Infinite, token)) : default))
        {
            await world.Service.StartDiffAsync(world.Schema, new DiffRequest(), default);
            while (Volatile.Read(ref chunks) <= 4)
            {
                await Task.Delay(5);
            }

            Assert.Equal("stopped", (await world.Service.StopDiffAsync(world.Schema, default)).State);
        }

        var before = await world.Service.ShowDiffAsync(world.Schema, default);
        Assert.InRange(before.Rows, 1, 25_003);
        var stored = await world.Topology.GetAsync<DiffRecord>(DiffRecord.Key(world.Schema));
        await world.Topology.Begin().PutValue(DiffRecord.Key(world.Schema), stored!.Value.Value with { SavedAt = stored.Value.Value.SavedAt - TimeSpan.FromHours(25) }).CommitAsync();
        await world.RestartAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.ResumeDiffAsync(world.Schema, default);
        var report = await world.Service.WaitDiffAsync(world.Schema, default);
        Assert.Equal(("clean", 25_004L), (report.State, report.Rows));

        // What it read before it was stopped is from the day before.
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default));
        Assert.Contains("stopped for 25.0 h", Assert.Single(refused.Findings, f => f.Code == "diff_old").What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_comparison_does_not_go_on_over_a_change_of_sides()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB", "INSERT INTO t VALUES (1, 1)");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await ChangeUnseenAsync(world, "UPDATE t SET v=2");
        Assert.Equal("differences", (await world.DiffAsync()).State);
        var reached = new TaskCompletionSource();
        using (Faults.FaultPoints.Arm("diff.chunk.before", async token =>
        {
            reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, token);
        }))
        {
            // It would write the old side's rows over the new one's from the flip on.
            await world.Service.RepairDiffAsync(world.Schema, default);
            await reached.Task;
            Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default)).Result);
            Assert.Equal("stopped", (await world.Service.ShowDiffAsync(world.Schema, default)).State);
        }

        await world.UntilFollowingAsync();
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.ResumeDiffAsync(world.Schema, default));
        Assert.Equal(("diff_outdated", 3), (refused.Code, refused.ExitCode));
        Assert.Contains("changed sides", refused.Message, StringComparison.Ordinal);
        Assert.Equal("differences", (await world.DiffAsync()).State);
    }

    [Fact]
    public async Task What_others_wrote_before_a_comparison_went_on_is_not_resolved_by_it()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", Workload.Tables);
        await Workload.FillAsync(world, 25_000);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        var chunks = 0;
        using (Faults.FaultPoints.Arm("diff.chunk.before", token => Interlocked.Increment(ref chunks) > 4 ? new ValueTask(Task.Delay(Timeout.Infinite, token)) : default))
        {
            await world.Service.StartDiffAsync(world.Schema, new DiffRequest(), default);
            while (Volatile.Read(ref chunks) <= 4)
            {
                await Task.Delay(5);
            }

            await world.Service.StopDiffAsync(world.Schema, default);
        }

        await using (var stranger = await world.OpenTargetAsync())
        {
            await stranger.ExecuteAsync("UPDATE orders SET amount=amount+1 ORDER BY id LIMIT 1", default);
        }

        while ((await world.Service.StatusAsync(world.Schema, default)).ForeignWrites == 0)
        {
            await Task.Delay(5);
        }

        await world.Service.ResumeDiffAsync(world.Schema, default);
        Assert.Equal("clean", (await world.Service.WaitDiffAsync(world.Schema, default)).State);
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default));
        Assert.Contains(refused.Findings, f => f.Code == "foreign_writes");
        Assert.Equal(1, (await world.DiffAsync()).Differences);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task Rows_that_hold_each_others_unique_values_are_repaired(string source, string target)
    {
        await using var world = await RealWorld.StartAsync(
            source, target, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(10) NOT NULL, UNIQUE (v)) ENGINE=InnoDB", "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (5, 'e'), (6, 'f')");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);

        // Two that exchanged theirs, and one whose value is another row's that is too many.
        await ChangeUnseenAsync(world, "UPDATE t SET v='x' WHERE id=1", "UPDATE t SET v='a' WHERE id=2", "UPDATE t SET v='b' WHERE id=1", "DELETE FROM t WHERE id=5", "INSERT INTO t VALUES (99, 'e')");
        Assert.Equal((1, 1, 2), Counts(await world.DiffAsync(), "t"));
        await world.Service.RepairDiffAsync(world.Schema, default);
        var repaired = await world.Service.WaitDiffAsync(world.Schema, default);
        Assert.True(repaired is { State: "repaired", Differences: 4 }, Describe(repaired));
        Assert.Equal("clean", (await world.DiffAsync()).State);
    }

    [Fact]
    public async Task A_row_that_the_following_side_cannot_hold_as_it_is_does_not_count_as_repaired()
    {
        await using var world = await RealWorld.StartAsync(
            "mariadb-10.11", "mariadb-10.11", "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(20), n INT) ENGINE=InnoDB", "INSERT INTO t VALUES (1, 'a long value', 1), (2, 'short', 2)");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await ChangeUnseenAsync(world, "SET SESSION sql_mode=''", "ALTER TABLE t MODIFY v VARCHAR(5)", "UPDATE t SET n=3 WHERE id=2");
        Assert.Equal((0, 0, 2), Counts(await world.DiffAsync(), "t"));
        await world.Service.RepairDiffAsync(world.Schema, default);
        var repaired = await world.Service.WaitDiffAsync(world.Schema, default);
        Assert.True(repaired.State == "differences", Describe(repaired));
        var left = await world.DiffAsync();
        Assert.Equal("1", Assert.Single(Assert.Single(left.Tables).Samples).Key);
    }

    [Theory]
    [InlineData("SET GLOBAL autocommit=0")]
    [InlineData("SET GLOBAL sql_select_limit=1")]
    public async Task What_sessions_of_the_following_side_begin_with_is_nothing_to_a_comparison(string setting)
    {
        await using var target = await LabServer.StartAsync("mariadb-10.11");
        await using var world = await RealWorld.StartAsync(await LabServer.SharedAsync("mariadb-10.11", "source"), target, limited: false, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB");
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("INSERT INTO t SELECT seq, 0 FROM seq_1_to_12000", default);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await using var admin = await world.OpenTargetAsync();
        await admin.ExecuteAsync(setting, default);
        var chunks = 0;
        using (Faults.FaultPoints.Arm("diff.chunk.before", async token =>
        {
            if (Interlocked.Increment(ref chunks) == 2)
            {
                await source.ExecuteAsync("UPDATE t SET v=1 WHERE id=12000", token);
                while ((await admin.QueryAsync("SELECT v FROM t WHERE id=12000", token)).GetInt64(0, 0) == 0)
                {
                    await Task.Delay(5, token);
                }
            }
        }))
        {
            var report = await world.DiffAsync();
            Assert.True(report is { State: "clean", Rows: 12_000 }, Describe(report));
        }
    }

    [Fact]
    public async Task The_application_does_not_wait_for_a_row_while_replication_is_behind()
    {
        await using var world = await RealWorld.StartAsync(
            "mariadb-10.11", "mariadb-10.11", "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB", "INSERT INTO t VALUES (1, 1), (2, 2)");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await ChangeUnseenAsync(world, "UPDATE t SET v=7 WHERE id=1");
        await using var app = await world.OpenSourceAsync();
        await using var inTheWay = await world.OpenTargetAsync();
        await inTheWay.ExecuteMultiAsync("START TRANSACTION;SELECT * FROM t WHERE id=2 FOR UPDATE", default);
        var locked = new TaskCompletionSource();
        using (Faults.FaultPoints.Arm("diff.settle.locked", async token =>
        {
            if (!locked.Task.IsCompleted)
            {
                await app.ExecuteAsync("UPDATE t SET v=3 WHERE id=2", token);
                locked.SetResult();
            }
        }))
        {
            await world.Service.StartDiffAsync(world.Schema, new DiffRequest(), default);
            await locked.Task;

            // Replication stands still, and the row is not to be had before it is given back.
            await app.ExecuteAsync("SET SESSION innodb_lock_wait_timeout=30", default);
            await app.ExecuteAsync("UPDATE t SET v=v+1 WHERE id=1", default);
            await inTheWay.ExecuteAsync("ROLLBACK", default);
            var report = await world.Service.WaitDiffAsync(world.Schema, default);
            Assert.True(report.State == "clean", Describe(report));
        }
    }

    /// <summary>Of the following side, in a way that nobody who reads its log sees.</summary>
    private static async Task ChangeUnseenAsync(RealWorld world, params string[] statements)
    {
        await using var connection = await world.OpenTargetAsync();
        await connection.ExecuteAsync("SET SESSION sql_log_bin=0", default);
        foreach (var statement in statements)
        {
            await connection.ExecuteAsync(statement, default);
        }
    }

    private static async Task<int> ChurnAsync(RealWorld world, int client, CancellationToken cancellationToken)
    {
        await using var connection = await world.OpenSourceAsync();
        var changes = 0;
        for (; !cancellationToken.IsCancellationRequested; changes++)
        {
            var id = 1 + (((changes * 7919) + (client * 6007)) % 20_000);
            await connection.ExecuteAsync($"UPDATE orders SET amount=amount+1, note=NULL WHERE id BETWEEN {id} AND {id + 50}", default);
            await connection.ExecuteAsync($"DELETE FROM orders WHERE id={id + 25}", default);
            await connection.ExecuteAsync($"INSERT INTO orders (id, customer, amount, created) VALUES ({id + 25}, 'again', {changes}, NOW(3)) ON DUPLICATE KEY UPDATE amount=0", default);
            await connection.ExecuteAsync($"DELETE FROM orders WHERE id={id + 26 + ((client + 1) * 1_000_000)}", default);
            await connection.ExecuteAsync($"UPDATE orders SET id=id+{(client + 1) * 1_000_000} WHERE id={id + 26}", default);
        }

        return changes;
    }

    private static (long Missing, long Extra, long Different) Counts(DiffReport report, string table)
    {
        var found = report.Tables.Single(t => t.Name == table);
        return (found.Missing, found.Extra, found.Different);
    }

    private static string Describe(DiffReport report) => $"{report.Summary}\n" + string.Join("\n", report.Tables.SelectMany(t =>
        t.Samples.Take(5).Select(s => $"{t.Name}: {s.Kind} {s.Key} [{string.Join(",", s.Columns)}] {string.Join(",", s.Source ?? [])} | {string.Join(",", s.Target ?? [])}")));
}
