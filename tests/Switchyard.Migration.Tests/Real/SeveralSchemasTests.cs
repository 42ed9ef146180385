using Switchyard.Client;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Two schemas that need each other, moved as one.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class SeveralSchemasTests
{
    private static readonly SwitchRequest s_request = new();

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task Transactions_across_both_schemas_go_there_and_back_whole(string source, string target)
    {
        await using var pair = await StartAsync(source, target);
        var world = pair.World;
        await world.Service.CreateAsync(pair.Request, default);
        var status = await world.UntilAsync(MigrationState.Running);
        Assert.Equal([world.Schema, pair.Other], status.Schemas);
        Assert.Equal([$"{world.Schema}.orders", $"{pair.Other}.audit", $"{pair.Other}.customers"], status.Tables.Select(t => t.Name));
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);

        await using var app = await world.OpenAppAsync();
        await pair.BuyAsync(app, 1);
        Assert.Equal("clean", (await world.DiffAsync()).State);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request, default)).Result);
        await pair.BuyAsync(app, 2);
        await world.UntilFollowingAsync();
        Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, s_request, default)).Result);
        await pair.BuyAsync(app, 3);
        await world.UntilFollowingAsync();
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request, default)).Result);
        await pair.BuyAsync(app, 4);

        // The parent's deletion cascades into the other schema, on a server that logs no cascades too.
        await app.ExecuteAsync($"DELETE FROM {pair.Other}.customers WHERE name='c1'", default);
        await world.UntilFollowingAsync();
        var report = await world.DiffAsync();
        Assert.True(report.State == "clean", $"{report.Summary}");
        Assert.Equal(3 + 3 + 4, report.Rows);

        await world.Service.CompleteAsync(world.Schema, new CompleteRequest { SourceData = SourceData.Rename }, default);
        await pair.BuyAsync(app, 5);
        await using var left = await world.OpenSourceAsync(schema: false);
        var tables = await left.QueryAsync(
            $"SELECT table_name FROM information_schema.tables WHERE table_schema IN ('{world.Schema}', '{pair.Other}') AND table_type='BASE TABLE' ORDER BY 1", default);
        Assert.Equal(["_audit_old", "_customers_old", "_orders_old"], tables.Rows.Select(r => r.GetString(0)).Order(StringComparer.Ordinal));
        var routing = (await world.Topology.GetRoutingAsync()).Value;
        Assert.All([world.Schema, pair.Other], schema => Assert.Equal("b", routing.RulesOf(schema).FirstOrDefault()?.Writer ?? routing.DefaultBackend));
    }

    [Fact]
    public async Task A_foreign_key_into_a_schema_that_stays_is_refused_from_either_side_and_cancel_removes_both()
    {
        await using var pair = await StartAsync("mariadb-10.11", "mariadb-10.11");
        var world = pair.World;
        foreach (var (schema, code) in new[] { (world.Schema, "foreign_key_out"), (pair.Other, "foreign_key_in") })
        {
            var refused = await Assert.ThrowsAsync<MigrationException>(
                () => world.Service.CreateAsync(new CreateMigrationRequest { Name = world.Schema, Source = "a", Target = "b", Schema = schema }, default));
            Assert.Equal(3, refused.ExitCode);
            Assert.Contains(refused.Findings, f => f.Code == code && f.What.Contains($"{pair.Other}.customers", StringComparison.Ordinal));
        }

        await world.Service.CreateAsync(pair.Request, default);
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CancelAsync(world.Schema, new CancelRequest(), default);
        await using var target = await BackendConnection.OpenAsync(world.TargetOptions, default);
        Assert.Equal(0, (await target.QueryAsync($"SELECT 1 FROM information_schema.schemata WHERE schema_name IN ('{world.Schema}', '{pair.Other}')", default)).RowCount);
    }

    private static async Task<Pair> StartAsync(string source, string target)
    {
        var world = await RealWorld.StartAsync(source, target);
        var pair = new Pair(world);
        await using var admin = await world.OpenSourceAsync();
        await admin.ExecuteAsync($"CREATE DATABASE {pair.Other} CHARACTER SET utf8mb4", default);
        await admin.ExecuteAsync($"GRANT ALL ON {pair.Other}.* TO '{world.AppUser}'@'%'", default);
        foreach (var statement in pair.Definitions)
        {
            await admin.ExecuteAsync(statement, default);
        }

        await admin.ChangeSchemaAsync(pair.Other, default);
        await admin.ExecuteAsync("CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM audit WHERE id < 0", default);
        return pair;
    }

    private sealed class Pair(RealWorld world) : IAsyncDisposable
    {
        public RealWorld World => world;

        public string Other => $"{world.Schema}_z";

        public CreateMigrationRequest Request => new()
        {
            Name = world.Schema, Source = "a", Target = "b", Schemas = [new SchemaSelection { Schema = Other }, new SchemaSelection { Schema = world.Schema }],
        };

        public string[] Definitions =>
        [
            $"CREATE TABLE {Other}.customers (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20)) ENGINE=InnoDB",
            $"CREATE TABLE {Other}.audit (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40)) ENGINE=InnoDB",
            $"CREATE TABLE orders (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, customer INT NOT NULL, amount INT, KEY by_amount (amount), " +
            $"CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES {Other}.customers (id) ON DELETE CASCADE) ENGINE=InnoDB",
            $"CREATE TRIGGER note AFTER INSERT ON orders FOR EACH ROW INSERT INTO {Other}.audit (what) VALUES (CONCAT('order ', NEW.amount))",
            $"CREATE VIEW {Other}.totals AS SELECT customer, SUM(amount) AS total FROM {world.Schema}.orders GROUP BY customer",
            $"CREATE VIEW named AS SELECT c.name, t.total FROM {Other}.customers c JOIN {Other}.totals t ON t.customer=c.id",
            $"CREATE PROCEDURE {Other}.forget() DELETE FROM {Other}.audit",
        ];

        /// <summary>One transaction over both schemas, and what its own client sees of it at once, through views of both.</summary>
        public async Task BuyAsync(BackendConnection app, int number)
        {
            await app.ExecuteAsync("START TRANSACTION", default);
            await app.ExecuteAsync($"INSERT INTO {Other}.customers (name) VALUES ('c{number}')", default);
            await app.ExecuteAsync($"INSERT INTO orders (customer, amount) SELECT id, {number} FROM {Other}.customers WHERE name='c{number}'", default);
            await app.ExecuteAsync("COMMIT", default);
            Assert.Equal(number, (await app.QueryAsync($"SELECT total FROM named WHERE name='c{number}'", default)).GetInt64(0, 0));
            Assert.Equal(1, (await app.QueryAsync($"SELECT COUNT(*) FROM {Other}.audit WHERE what='order {number}'", default)).GetInt64(0, 0));
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var options in new[] { world.SourceOptions, world.TargetOptions })
            {
                await using var server = await BackendConnection.OpenAsync(options, default);
                await server.ExecuteAsync("SET foreign_key_checks=0", default);
                await server.ExecuteAsync($"DROP DATABASE IF EXISTS {Other}", default);
            }

            await world.DisposeAsync();
        }
    }
}
