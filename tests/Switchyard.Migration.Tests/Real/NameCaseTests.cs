using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Servers that keep names of schemas and tables in lower case and find them by any (<c>lower_case_table_names=1</c>).</summary>
// Switches here would run into fault points armed beside them.
[Collection("faults")]
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
        await world.Service.CancelAsync(world.Schema, new CancelRequest(), default);
        Assert.Equal(0, await world.CountStreamsAsync(there));
        await using var here = await world.OpenSourceAsync();
        Assert.Equal(4, (await here.QueryAsync("SELECT COUNT(*) FROM orders", default)).GetInt64(0, 0));
    }

    [Fact]
    public async Task A_record_that_names_its_tables_in_another_case_than_the_server_misses_nothing_of_them()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11", Lower);
        var options = ConnectionOptions.Parse(server.Dsn);
        await using var app = await BackendConnection.OpenAsync(options, default);
        await app.ExecuteAsync("CREATE DATABASE shop", default);
        await app.ExecuteAsync("CREATE TABLE shop.orders (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT)", default);
        await app.ExecuteAsync("INSERT INTO shop.orders (v) VALUES (1), (2)", default);
        await app.ExecuteAsync("CREATE TRIGGER shop.counted BEFORE INSERT ON shop.orders FOR EACH ROW SET NEW.v=1", default);
        await app.ExecuteAsync("CREATE EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.orders", default);
        TableName[] recorded = [new("SHOP", "ORDERS")];
        await using var side = new ServerSide(options, ["SHOP"]);

        Assert.Equal(3ul, (await side.ReadIdentitiesAsync([new MigratedSchema("SHOP", ["ORDERS"], Whole: true)], default)).Columns[recorded[0]]);
        var handover = await side.ReadTriggersAndEventsAsync([new MigratedSchema("SHOP", ["ORDERS"], Whole: true)], default);
        Assert.Equal(("counted", "nightly"), (Assert.Single(handover.Triggers).Name, Assert.Single(handover.Events).Name));
        await side.RenameTablesAsync(recorded, default);
        Assert.Equal(["_orders_old"], (await app.QueryAsync("SELECT table_name FROM information_schema.tables WHERE table_schema='shop'", default)).Rows.Select(r => r.GetString(0)));
        await side.DropTablesAsync([new TableName("SHOP", "_ORDERS_OLD")], default);
        Assert.Empty((await app.QueryAsync("SELECT table_name FROM information_schema.tables WHERE table_schema='shop'", default)).Rows);
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
        var made = await world.Topology.Begin().Require(routing).Put(routing.Value with { Epoch = routing.Value.Epoch + 1, IgnoreCase = ignore }).CommitAsync();
        Assert.True(made.Succeeded);
        await world.View.CatchUpAsync(made.Revision);
    }
}
