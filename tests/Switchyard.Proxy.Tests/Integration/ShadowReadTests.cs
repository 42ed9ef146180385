using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>
/// What shadow reads call the same, different, and neither. The test plays the applier; differences are made by writing to one side only.
/// </summary>
[Collection(DataRouterTests.Servers)]
[Trait("Category", "Integration")]
public sealed class ShadowReadTests
{
    [Fact]
    public async Task Reads_answered_alike_are_counted_as_the_same()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        foreach (var read in new[]
        {
            "SELECT id, name, price FROM item WHERE id = 2",
            "SELECT name FROM item",
            "SELECT name, price FROM item ORDER BY price",
            "SELECT id, made FROM item WHERE made <= NOW() ORDER BY id DESC",
            "SELECT price, COUNT(*), AVG(price), SUM(weight) FROM item GROUP BY price ORDER BY 1",
            "SELECT name FROM item WHERE id > 100",
        })
        {
            await client.QueryAsync(read, default);
        }

        await using var prepared = await client.PrepareAsync("SELECT name FROM item WHERE id = ? AND name <> ?", default);
        Assert.Equal("b", (await prepared.QueryAsync([2, "x"], default)).GetString(0, 0));
        var found = await UntilAsync(harness, shadow => shadow.Compared == 7);
        Assert.Equal((0, 7, 0), (found.Different, found.ShapeCount, found.DifferentShapeCount));
        Assert.Empty(found.NotComparable);
        Assert.True(found.SourceP99 > 0 && found.TargetP99 > 0);
    }

    [Fact]
    public async Task A_difference_is_told_by_shape_and_without_any_value()
    {
        await using var harness = await StartAsync();
        List<string> told = [];
        harness.Validation.Found += (migration, sentence) => told.Add($"{migration}: {sentence}");
        await using var client = await harness.ConnectAsync();
        await harness.DirectAsync(await TargetAsync(), "UPDATE item SET name = 'hidden' WHERE id = 2");
        await AllAppliedAsync(harness);
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        await client.QueryAsync("SELECT id, name FROM item WHERE id IN (1, 2) AND name <> 'secret' ORDER BY id", default);
        await client.QueryAsync("SELECT id FROM item", default);

        var found = await UntilAsync(harness, shadow => shadow.Compared == 2);
        Assert.Equal((1, 1), (found.Different, found.DifferentShapeCount));
        var shape = found.Shapes[0];
        Assert.Equal("SELECT id, name FROM item WHERE id IN (?) AND name <> ? ORDER BY id", shape.Shape);
        var sample = Assert.Single(shape.Samples);
        Assert.Equal(("values", 2L, "name"), (sample.Kind, sample.FirstRow, Assert.Single(sample.Columns)));
        Assert.DoesNotContain("hidden", $"{shape} {sample}", StringComparison.Ordinal);
        await ProxyHarness.UntilAsync(() => told.Count > 0);
        Assert.Contains("m: The target answers differently (values; as many rows, with other values): SELECT id, name", Assert.Single(told), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", told[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Letters_that_a_collation_takes_for_one_may_come_in_any_order()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        foreach (var (server, first) in new[] { (await SourceAsync(), "Jose"), (await TargetAsync(), "José") })
        {
            await harness.DirectAsync(
                server,
                "CREATE TABLE person (id INT PRIMARY KEY, name VARCHAR(20)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
                $"INSERT INTO person VALUES (1, '{first}'), (2, '{(first == "Jose" ? "José" : "Jose")}'), (3, 'Zoe')");
        }

        await AllAppliedAsync(harness);
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        await client.QueryAsync("SELECT name FROM person ORDER BY name", default);
        await client.QueryAsync("SELECT name FROM person ORDER BY name LIMIT 1", default);
        await client.QueryAsync("SELECT name FROM person WHERE id = 3 ORDER BY name", default);
        var found = await UntilAsync(harness, shadow => shadow.Compared + shadow.NotComparable.Values.Sum() == 3);
        Assert.Equal((1, 0, 2), (found.Compared, found.Different, found.NotComparable.Count));
    }

    [Fact]
    public async Task Replication_lag_is_no_difference()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        var looksAgain = new TaskCompletionSource();
        var goesOn = new TaskCompletionSource();
        using var point = FaultPoints.Arm("proxy.shadow.again.before", async cancellationToken =>
        {
            looksAgain.TrySetResult();
            await goesOn.Task.WaitAsync(cancellationToken);
        });
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        await client.ExecuteAsync("UPDATE item SET price = 9 WHERE id = 1", default);
        await client.QueryAsync("SELECT price FROM item WHERE id = 1", default);

        // The target is behind, and the two answers have been seen to differ.
        await looksAgain.Task.WaitAsync(TimeSpan.FromMinutes(4));
        goesOn.SetResult();
        await harness.DirectAsync(await TargetAsync(), "UPDATE item SET price = 9 WHERE id = 1");
        await AllAppliedAsync(harness);
        var found = await UntilAsync(harness, shadow => shadow.Compared == 1);
        Assert.Equal(0, found.Different);
    }

    [Fact]
    public async Task Rows_are_expected_in_order_as_far_as_the_statement_sorts_them()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        foreach (var (server, rows) in new[] { (await SourceAsync(), "(1, 'x', 5), (2, 'y', 5), (3, 'z', 7)"), (await TargetAsync(), "(2, 'x', 5), (1, 'y', 5), (3, 'z', 7)") })
        {
            await harness.DirectAsync(server, "CREATE TABLE heap (place INT PRIMARY KEY, name VARCHAR(10), price INT)", $"INSERT INTO heap VALUES {rows}");
        }

        await AllAppliedAsync(harness);
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        await client.QueryAsync("SELECT name FROM heap", default);
        await client.QueryAsync("SELECT name, price FROM heap ORDER BY price", default);
        await client.QueryAsync("SELECT name, price FROM heap ORDER BY price LIMIT 1", default);
        await client.QueryAsync("SELECT name FROM heap ORDER BY price DESC, place", default);
        await client.QueryAsync("SELECT name, price FROM heap ORDER BY name", default);
        var found = await UntilAsync(harness, shadow => shadow.Compared + shadow.NotComparable.Values.Sum() == 5);
        Assert.Equal((3, 0), (found.Compared, found.Different));
        Assert.Equal(1, found.NotComparable["LIMIT leaves open which rows"]);
        Assert.Equal(1, found.NotComparable["it is sorted by what is not among its columns"]);

        await client.QueryAsync("SELECT place, name FROM heap ORDER BY name", default);
        found = await UntilAsync(harness, shadow => shadow.Compared == 4);
        Assert.Equal(1, found.Different);
    }

    [Fact]
    public async Task A_limit_that_cuts_nothing_off_hides_no_difference()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.DirectAsync(await TargetAsync(), "UPDATE item SET name = 'other' WHERE id = 2");
        await AllAppliedAsync(harness);
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        await client.QueryAsync("SELECT name FROM item WHERE id = 2 LIMIT 1", default);
        Assert.Equal(1, (await UntilAsync(harness, shadow => shadow.Compared == 1)).Different);
    }

    [Fact]
    public async Task Reads_with_dice_and_reads_of_sessions_that_cannot_be_imitated_are_not_run()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        await client.QueryAsync("SELECT RAND(), name FROM item", default);
        await client.QueryAsync("SELECT name FROM item FOR UPDATE", default);
        await client.QueryAsync("SELECT @@version, name FROM item", default);
        await client.ExecuteAsync("CREATE TEMPORARY TABLE mine (a INT)", default);
        await client.QueryAsync("SELECT name FROM item", default);
        var found = await UntilAsync(harness, shadow => shadow.NotRun.Values.Sum() == 2);
        Assert.Equal(1, found.NotRun["functions that give something else each time"]);
        Assert.Equal(1, found.NotRun["the session's state is not known"]);
        Assert.Equal(0, found.Compared);
    }

    [Fact]
    public async Task What_a_session_has_set_holds_for_its_shadow_reads_too()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();

        // The same only if the source shows the time in the session's zone, and "x" is a name.
        await harness.DirectAsync(await SourceAsync(), "CREATE TABLE clock (x INT PRIMARY KEY, at TIMESTAMP)", "SET time_zone = '+00:00'; INSERT INTO clock VALUES (1, '2026-01-01 10:00:00')");
        await harness.DirectAsync(await TargetAsync(), "CREATE TABLE clock (x INT PRIMARY KEY, at DATETIME)", "INSERT INTO clock VALUES (1, '2026-01-01 15:00:00')");
        await AllAppliedAsync(harness);
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        await client.ExecuteAsync("SET time_zone = '+05:00'", default);
        await client.ExecuteAsync("SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", default);
        await client.ExecuteAsync("SET NAMES latin1", default);
        Assert.Equal("2026-01-01 15:00:00", (await client.QueryAsync("SELECT at FROM clock WHERE \"x\" = 1", default)).GetString(0, 0));
        var found = await UntilAsync(harness, shadow => shadow.Compared == 1);
        Assert.Equal(0, found.Different);
        Assert.Equal("at is a timestamp on the source, a datetime on the target", found.Shapes[0].Types);
    }

    [Fact]
    public async Task A_function_the_target_lacks_shows_by_the_statements_that_use_it()
    {
        await using var harness = await ProxyHarness.StartAsync(("s", await SourceAsync()), ("t", await LabServer.SharedAsync("mysql-9.7", "target")));
        foreach (var server in new[] { await SourceAsync(), await LabServer.SharedAsync("mysql-9.7", "target") })
        {
            await harness.DirectAsync(
                server,
                "CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(10), data JSON, weight DOUBLE, price DECIMAL(8,2))",
                """INSERT INTO item VALUES (1, 'a', '{"b":1,"a":[1,2.50]}', 0.1, 2.5), (2, 'b', NULL, 0.2, 7)""");
        }

        await AllAppliedAsync(harness);
        await harness.CommitAsync(harness.Repository.Begin().Put(new LegCredential("t", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        await client.QueryAsync("SELECT SHA1(name) FROM item", default);
        await client.QueryAsync("SELECT id, data, weight, price FROM item", default);
        await client.QueryAsync("SELECT SUM(weight), AVG(price), MAX(id) FROM item WHERE NOW() > '2020-01-01' AND id > 0", default);
        var found = await UntilAsync(harness, shadow => shadow.Compared == 3);
        Assert.Equal(1, found.Different);
        Assert.Equal("SELECT SHA1(name) FROM item", found.Shapes[0].Shape);
        Assert.Equal(("error", "source: 2 rows, target: error 1305"), (found.Shapes[0].Samples[0].Kind, found.Shapes[0].Samples[0].Detail));
    }

    [Fact]
    public async Task Reads_served_by_the_target_are_counted_with_those_that_were_not()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.DirectAsync(await SourceAsync(), "CREATE TABLE only_here (a INT)");
        await AllAppliedAsync(harness);
        await harness.RouteAsync("s", "t", shadow: 100);
        await client.QueryAsync("SELECT name FROM item", default);
        await UntilFoundAsync(harness, findings => findings.Routed.FellBackByConnection == 1);
        await UntilFoundAsync(harness, async findings =>
        {
            await client.QueryAsync("SELECT name FROM item", default);
            return findings.Routed.OnTarget > 0;
        });
        await client.QueryAsync("SELECT a FROM only_here", default);
        await UntilFoundAsync(harness, findings => findings.Routed.FellBackByError == 1);

        // A count begun anew has forgotten.
        harness.Validation.Begin("m");
        Assert.Equal(0, harness.Validation.Of("m")!.Routed.OnTarget);
    }

    [Fact]
    public async Task A_side_that_stands_still_holds_up_validation_no_longer_than_a_read_may_take()
    {
        await using var target = await LabServer.StartAsync("mariadb-10.11");
        await using var harness = await ProxyHarness.StartAsync(("s", await SourceAsync()), ("t", target));
        foreach (var server in new[] { await SourceAsync(), target })
        {
            await harness.DirectAsync(server, "CREATE TABLE item (id INT PRIMARY KEY, made DATETIME)", "INSERT INTO item VALUES (1, '2026-01-01')");
        }

        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t", percent: 0, shadow: 100);
        await client.QueryAsync("SELECT id FROM item WHERE made <= NOW()", default);
        await UntilAsync(harness, shadow => shadow.Compared == 1);
        await target.FreezeAsync();
        await client.QueryAsync("SELECT id FROM item WHERE made <= NOW()", default);
        await UntilAsync(harness, shadow => shadow.NotRun.GetValueOrDefault("a server cannot be reached") == 1);
        await target.ThawAsync();
        await client.QueryAsync("SELECT id FROM item WHERE made <= NOW()", default);
        Assert.Equal(0, (await UntilAsync(harness, shadow => shadow.Compared == 2)).Different);
    }

    private static async Task<ProxyHarness> StartAsync()
    {
        var harness = await ProxyHarness.StartAsync(("s", await SourceAsync()), ("t", await TargetAsync()));
        foreach (var server in new[] { await SourceAsync(), await TargetAsync() })
        {
            await harness.DirectAsync(
                server,
                "CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(10), price DECIMAL(8,2), weight DOUBLE, made DATETIME)",
                "INSERT INTO item VALUES (1, 'a', 5, 0.1, '2026-01-01'), (2, 'b', 5, 0.2, '2026-01-02'), (3, 'c', 7, 0.3, '2026-01-03')");
        }

        await harness.RouteAsync("s", "s");
        return harness;
    }

    /// <summary>Says that whatever the source has written, and will, is visible on the target.</summary>
    private static async Task AllAppliedAsync(ProxyHarness harness)
    {
        var position = await ProxyHarness.PositionAsync(await SourceAsync());
        harness.Applied.Publish("m", new StreamPosition(position.File[..position.File.LastIndexOf('.')] + ".999999", 4));
    }

    private static async Task<ShadowReadCounts> UntilAsync(ProxyHarness harness, Func<ShadowReadCounts, bool> condition) =>
        (await UntilFoundAsync(harness, findings => condition(findings.Shadow))).Shadow;

    private static Task<ReadFindings> UntilFoundAsync(ProxyHarness harness, Func<ReadFindings, bool> condition) =>
        UntilFoundAsync(harness, findings => Task.FromResult(condition(findings)));

    private static async Task<ReadFindings> UntilFoundAsync(ProxyHarness harness, Func<ReadFindings, Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        ReadFindings? findings = null;
        try
        {
            while ((findings = harness.Validation.Of("m")) is null || !await condition(findings))
            {
                await Task.Delay(10, limit.Token);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"It did not come to be: {findings} {Reasons(findings?.Shadow.NotRun)} {Reasons(findings?.Shadow.NotComparable)} {string.Join("; ", harness.Errors)}");
        }

        return findings!;
    }

    private static string Reasons(IEnumerable<KeyValuePair<string, long>>? counts) => string.Join("; ", (counts ?? []).Select(count => $"{count.Key}: {count.Value}"));

    private static Task<LabServer> SourceAsync() => LabServer.SharedAsync("mariadb-10.11", "read-source");

    private static Task<LabServer> TargetAsync() => LabServer.SharedAsync("mariadb-10.11", "read-target");
}
