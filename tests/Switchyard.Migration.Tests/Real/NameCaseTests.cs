using Switchyard.Lab;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Servers that keep names of schemas and tables in lower case and find them by any (<c>lower_case_table_names=1</c>).</summary>
[Trait("Category", "Integration")]
public sealed class NameCaseTests
{
    private const string Lower = "--lower-case-table-names=1";

    private static readonly string[] s_tables =
    [
        "CREATE TABLE Orders (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB",
        "CREATE TABLE Drafts (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB",
        "INSERT INTO Orders (v) VALUES (1), (2), (3), (4), (5)",
        "DELETE FROM Orders WHERE id > 3",
    ];

    [Fact]
    public async Task Names_given_in_another_case_are_the_servers_own_from_the_record_on()
    {
        await using var source = await LabServer.StartAsync("mariadb-10.11", Lower);
        await using var target = await LabServer.StartAsync("mariadb-10.11", Lower);
        await using var world = await RealWorld.StartAsync(source, target, limited: false, s_tables);
        await IgnoreCaseAsync(world);
        var request = new CreateMigrationRequest { Name = world.Schema, Source = "a", Target = "b", Schema = world.Schema.ToUpperInvariant(), Tables = ["ORDERS"] };
        var status = await world.Service.CreateAsync(request, default);
        Assert.Equal((world.Schema, "orders"), (status.Schema, Assert.Single(status.Tables).Name));
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var app = await world.OpenAppAsync();
        await app.ExecuteAsync("INSERT INTO oRDERS (v) VALUES (6)", default);
        await app.ExecuteAsync("DELETE FROM ordErs WHERE id > 3", default);

        // A migration of the same table under another spelling would be a second one of it.
        var twice = await Assert.ThrowsAsync<MigrationException>(() => world.Service.CreateAsync(request with { Name = "twice", Schema = world.Schema, Tables = ["orderS"] }, default));
        Assert.Contains(twice.Findings, f => f.Code == "already_migrating");

        await world.Service.StartDiffAsync(world.Schema, new DiffRequest { Tables = ["OrdErs"] }, default);
        Assert.Equal("clean", (await world.Service.WaitDiffAsync(world.Schema, default)).State);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default)).Result);
        await using var there = await world.OpenTargetAsync();

        // Ids 4 to 6 were given out by the source, and are gone; they are not given out again.
        await app.ExecuteAsync("INSERT INTO ORDERS (v) VALUES (7)", default);
        Assert.True((await there.QueryAsync("SELECT MAX(id) FROM orders", default)).GetInt64(0, 0) > 6);
        await app.ExecuteAsync("INSERT INTO drafts (v) VALUES (1)", default);
        Assert.Equal(0, (await there.QueryAsync($"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='{world.Schema}' AND table_name='drafts'", default)).GetInt64(0, 0));
        Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default)).Result);
        await world.Service.CancelAsync(world.Schema, default);
        Assert.Equal(0, await world.CountStreamsAsync(there));
        await using var here = await world.OpenSourceAsync();
        Assert.Equal(4, (await here.QueryAsync("SELECT COUNT(*) FROM orders", default)).GetInt64(0, 0));
    }

    [Theory]
    [InlineData(false, "differ only by case would be one")]
    [InlineData(true, "in another case than it is kept in")]
    public async Task Servers_that_compare_names_differently_are_refused_with_what_would_happen_to_the_names(bool sourceLowers, string what)
    {
        await using var lowering = await LabServer.StartAsync("mariadb-10.11", Lower);
        var other = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var world = await RealWorld.StartAsync(sourceLowers ? lowering : other, sourceLowers ? other : lowering, limited: false, s_tables);
        await IgnoreCaseAsync(world, sourceLowers);
        var report = await world.Service.PreflightAsync(new CreateMigrationRequest { Name = world.Schema, Source = "a", Target = "b", Schema = world.Schema }, default);
        Assert.False(report.Ok);
        Assert.Contains(what, Assert.Single(report.Findings, f => f.Code == "lower_case_table_names").What, StringComparison.Ordinal);
    }

    /// <summary>As adding such a backend does.</summary>
    private static async Task IgnoreCaseAsync(RealWorld world, bool ignore = true)
    {
        var routing = await world.Topology.GetRoutingAsync();
        Assert.True((await world.Topology.Begin().Require(routing).Put(routing.Value with { Epoch = routing.Value.Epoch + 1, IgnoreCase = ignore }).CommitAsync()).Succeeded);
    }
}
