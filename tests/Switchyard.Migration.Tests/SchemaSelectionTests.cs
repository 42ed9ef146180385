using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>Which schemas and tables a migration moves, how that was said, and how it is kept.</summary>
public sealed class SchemaSelectionTests
{
    [Fact]
    public async Task Whole_schemas_are_routed_as_such_and_parts_of_others_by_table()
    {
        await using var world = await World.StartAsync();

        var status = await world.Service.CreateAsync(
            new CreateMigrationRequest
            {
                Name = "m", Source = "a", Target = "b",
                Schemas = [new SchemaSelection { Schema = "shop" }, new SchemaSelection { Schema = "books", ExcludeTables = ["items"] }],
            },
            default);

        Assert.Equal(["books", "shop"], status.Schemas);
        Assert.Equal("books, shop", status.Schema);
        Assert.Equal(["books.orders", "shop.items", "shop.orders"], status.Tables.Select(t => t.Name));
        Assert.Equal([("books", "orders"), ("shop", null)], (await world.Topology.GetRoutingAsync()).Value.Rules.Select(r => (r.Schema, r.Table)));
    }

    [Fact]
    public async Task Said_in_two_ways_or_not_at_all_is_wrong_usage()
    {
        await using var world = await World.StartAsync();
        var request = new CreateMigrationRequest { Name = "m", Source = "a", Target = "b" };
        SchemaSelection shop = new() { Schema = "shop" };

        foreach (var wrong in new[]
        {
            request, request with { Schema = "shop", Schemas = [shop] }, request with { Tables = ["t"], Schemas = [shop] }, request with { Schemas = [shop, shop] },
            request with { Schemas = [shop with { Tables = ["t"], ExcludeTables = ["u"] }] },
        })
        {
            Assert.Equal(2, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.CreateAsync(wrong, default))).ExitCode);
        }
    }

    [Fact]
    public void A_record_of_one_schema_written_by_an_earlier_version_is_read()
    {
        const string Stored = """
            {"format":1,"settings":{"name":"m","source":"a","target":"b","schema":"shop","on_ddl":"exec","auto_start":true},"tables":["items","orders"],
             "whole_schema":true,"schema_made_here":true,"created_at":"2026-01-01T00:00:00+00:00","started":true,"copied":[],
             "handover":{"triggers":[{"name":"stamp","table":"orders","statement":"CREATE TRIGGER","sql_mode":""}],
                         "events":[{"name":"nightly","statement":"CREATE EVENT","sql_mode":"","time_zone":"SYSTEM","enabled":true}]}}
            """;

        var record = TopologyJson.Read<MigrationRecord>("migrations/m", Stored);

        Assert.Equal(["shop.items", "shop.orders"], record.Tables.Select(t => t.ToString()));
        Assert.True(record.Schemas[0] is { Whole: true, MadeHere: true });
        Assert.Equal("shop", record.Handover.Triggers[0].Schema);
        Assert.Equal("shop", record.Handover.Events[0].Schema);
        var again = TopologyJson.Read<MigrationRecord>("migrations/m", TopologyJson.Write(record));
        Assert.Equal(record.Tables, again.Tables);
        Assert.DoesNotContain("schema_made_here", TopologyJson.Write(record), StringComparison.Ordinal);
    }
}
