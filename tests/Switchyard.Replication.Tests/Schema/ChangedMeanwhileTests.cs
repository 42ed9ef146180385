using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tests.Streams;

namespace Switchyard.Replication.Tests.Schema;

/// <summary>Applications make, drop and change tables of the same schema all the time, also between a list and the look at what it names.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ChangedMeanwhileTests
{
    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task What_is_dropped_while_a_schema_is_read_is_not_in_it_and_in_nobodys_way(string name)
    {
        var schema = LabServer.UniqueSchema();
        var server = await LabServer.SharedAsync(name, "source");
        await using var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        await using var application = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        (string Kind, string Definition, Func<Task<IReadOnlyList<string>>> Read)[] kinds =
        [
            ("TABLE", "(id INT NOT NULL PRIMARY KEY)", async () => [.. (await SchemaReader.ReadTablesAsync(connection, schema, CancellationToken.None)).Select(t => t.Name.Name)]),
            ("VIEW", "AS SELECT 1 AS one", () => NamesAsync(SchemaObjectReader.ReadViewsAsync(connection, schema, CancellationToken.None))),
            ("FUNCTION", "() RETURNS INT DETERMINISTIC RETURN 1", () => NamesAsync(SchemaObjectReader.ReadRoutinesAsync(connection, schema, CancellationToken.None))),
            ("PROCEDURE", "() SELECT 1", () => NamesAsync(SchemaObjectReader.ReadRoutinesAsync(connection, schema, CancellationToken.None))),
            ("TRIGGER", "BEFORE INSERT ON t FOR EACH ROW SET @a=1", () => NamesAsync(SchemaObjectReader.ReadTriggersAsync(connection, schema, CancellationToken.None))),
            ("EVENT", "ON SCHEDULE EVERY 1 YEAR DISABLE DO SELECT 1", () => NamesAsync(SchemaObjectReader.ReadEventsAsync(connection, schema, CancellationToken.None))),
        ];
        await application.ExecuteAsync($"CREATE DATABASE {schema}", CancellationToken.None);
        await application.ChangeSchemaAsync(schema, CancellationToken.None);
        await application.ExecuteAsync("CREATE TABLE t (id INT NOT NULL PRIMARY KEY)", CancellationToken.None);
        foreach (var (kind, definition, read) in kinds)
        {
            await application.ExecuteAsync($"CREATE {kind} a_scratch {definition}", CancellationToken.None);
            var before = await read();
            Assert.Contains("a_scratch", before);
            using (FaultPoints.Arm("schema.read.listed", async token => await application.ExecuteAsync($"DROP {kind} IF EXISTS a_scratch", token)))
            {
                Assert.Equal(before.Where(n => n != "a_scratch"), await read());
            }
        }

        await application.ExecuteAsync($"DROP DATABASE {schema}", CancellationToken.None);

        static async Task<IReadOnlyList<string>> NamesAsync(Task<IReadOnlyList<SchemaObject>> objects) => [.. (await objects).Select(o => o.Name)];
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_table_changed_while_it_is_read_is_as_before_or_as_after(string name)
    {
        var schema = LabServer.UniqueSchema();
        var server = await LabServer.SharedAsync(name, "source");
        await using var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        await using var application = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        await application.ExecuteAsync($"CREATE DATABASE {schema}", CancellationToken.None);
        await application.ChangeSchemaAsync(schema, CancellationToken.None);
        foreach (var table in (string[])["a", "b", "c"])
        {
            await application.ExecuteAsync($"CREATE TABLE {table} (id INT NOT NULL PRIMARY KEY, `v)``,` INT)", CancellationToken.None);
        }

        var changes = new Queue<string>(["ALTER TABLE b ADD first INT FIRST", "ALTER TABLE b DROP COLUMN `v)``,`, ADD last INT"]);
        using (FaultPoints.Arm("schema.read.listed", async token => await (changes.TryDequeue(out var change) ? application.ExecuteAsync(change, token) : Task.CompletedTask)))
        {
            var tables = await SchemaReader.ReadTablesAsync(connection, schema, CancellationToken.None);
            Assert.Equal(["a", "b", "c"], tables.Select(t => t.Name.Name));
            Assert.Equal(["first", "id", "last"], tables[1].Columns.Select(c => c.Name));
            Assert.Contains("`last`", tables[1].CreateStatement, StringComparison.Ordinal);
        }

        await application.ExecuteAsync($"DROP DATABASE {schema}", CancellationToken.None);
    }
}
