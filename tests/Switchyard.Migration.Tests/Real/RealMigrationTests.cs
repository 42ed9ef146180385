namespace Switchyard.Migration.Tests.Real;

[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RealMigrationTests(Xunit.Abstractions.ITestOutputHelper output)
{
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_live_database_goes_there_and_back_without_an_error_or_a_lost_write(string source, string target)
    {
        await using var world = await RealWorld.StartAsync(source, target, Workload.TablesFor(source));
        await Workload.FillAsync(world, 5000);
        await using var load = Workload.Start(world);

        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var accounts = await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        Assert.Contains(accounts.Accounts, a => a.Account == $"'{world.AppUser}'@'%'" && a.Result == "created");
        await AssertCleanAsync(world);

        await world.Service.ValidateAsync(world.Schema, new ValidateRequest { Shadow = 100 }, default);
        await GoOnAsync(load, 50);
        await AssertReadsAgreeAsync(world);
        var there = await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default);
        Assert.Equal("switched", there.Result);
        output.WriteLine($"pause {there.PauseMs:0} ms, held {there.HeldStatements}, longest {there.LongestHoldMs:0} ms: {string.Join(", ", there.Steps.Select(s => $"{s.Name} {s.Ms:0.0}"))}");
        output.WriteLine(string.Join("\n", there.Findings.Select(f => f.What)));
        Assert.Null(there.Error);
        await GoOnAsync(load, 50);
        await AssertCleanAsync(world);
        Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, new SwitchRequest(), default)).Result);
        await GoOnAsync(load, 50);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default)).Result);
        await GoOnAsync(load, 50);
        await AssertCleanAsync(world);

        await using (var authoritative = await world.OpenTargetAsync())
        {
            Assert.Equal(0, await load.StopAndCountLostAsync(authoritative));
        }

        Assert.True(load.Errors.Count == 0, string.Join("\n", load.Errors) + "\n" + world);
        Assert.Equal(0, load.Stale);
        Assert.Equal("completed", (await world.Service.CompleteAsync(world.Schema, new CompleteRequest { SourceData = SourceData.Drop }, default)).Result);
        await using var left = await world.OpenSourceAsync();
        Assert.Equal(0, (await left.QueryAsync("SHOW TABLES", default)).RowCount);
        Assert.Equal(0, await world.CountStreamsAsync(left));
    }

    /// <summary>Reads run again on both sides while writers are at work: lag and changing rows are no differences.</summary>
    private static async Task AssertReadsAgreeAsync(RealWorld world)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        ValidationStatus shown;
        while ((shown = await world.Service.ShowValidationAsync(world.Schema, limit.Token)).Compared.Compared < 20)
        {
            await Task.Delay(20, limit.Token);
        }

        Assert.True(shown.Compared.Different == 0, $"{shown.Summary}: {string.Join("; ", shown.Compared.Shapes.SelectMany(shape => shape.Samples))}\n{world}");
    }

    [Fact]
    public async Task Cancel_leaves_nothing_on_the_target()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", [.. Workload.Tables, "CREATE VIEW paid AS SELECT * FROM orders WHERE state='paid'"]);
        await Workload.FillAsync(world, 1000);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);

        await world.Service.CancelAsync(world.Schema, new CancelRequest(), default);

        await using var source = await world.OpenSourceAsync();
        Assert.Equal(1000, (await source.QueryAsync("SELECT COUNT(*) FROM orders", default)).GetInt64(0, 0));
        await using var target = await Client.BackendConnection.OpenAsync(world.TargetOptions, default);
        Assert.Equal(0, (await target.QueryAsync($"SELECT 1 FROM information_schema.schemata WHERE schema_name='{world.Schema}'", default)).RowCount);
        Assert.Equal(0, await world.CountStreamsAsync(target));
    }

    private static async Task AssertCleanAsync(RealWorld world)
    {
        var report = await world.DiffAsync();
        var samples = report.Tables.SelectMany(t => t.Samples.Take(3).Select(s => $"{t.Name}: {s.Kind} {s.Key} [{string.Join(",", s.Columns)}] {string.Join(",", s.Source ?? [])} | {string.Join(",", s.Target ?? [])}"));
        Assert.True(report.State == "clean", $"{report.Summary}\n{string.Join("\n", samples)}");
        Assert.True(report.Rows >= 5000);
    }

    /// <summary>Until the clients have had this many more writes acknowledged.</summary>
    private static async Task GoOnAsync(Workload load, int more)
    {
        var until = load.Acknowledged + more;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (load.Acknowledged < until && load.Errors.Count == 0)
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
