using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration.Tests.Real;

/// <summary>InnoDB's list of what it has in memory tells the same identity values as the tables themselves.</summary>
[Trait("Category", "Integration")]
public sealed class IdentityReaderTests
{
    private static readonly string[] s_tables = ["plain", "rolled_back", "emptied", "rebuilt", "made_one", "lost_it", "none", "parts", "odd-one $@", "größe", "con", "unopened"];

    [Theory]
    [InlineData("mariadb-10.5")]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task The_list_and_the_tables_agree_whatever_became_of_the_tables(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        var schema = LabServer.UniqueSchema() + "-x";
        await using var writer = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), default);
        await writer.ExecuteAsync($"CREATE DATABASE `{schema}` CHARACTER SET utf8mb4", default);
        await writer.ChangeSchemaAsync(schema, default);
        foreach (var table in s_tables)
        {
            var column = table is "none" or "made_one" ? "" : " AUTO_INCREMENT";
            await writer.ExecuteAsync($"CREATE TABLE `{table}` (id INT NOT NULL{column} PRIMARY KEY, v INT) ENGINE=InnoDB{(table == "parts" ? " PARTITION BY HASH (id) PARTITIONS 2" : "")}", default);
            await writer.ExecuteAsync($"INSERT INTO `{table}` (id, v) VALUES (7, 1)", default);
        }

        await using var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), default);
        var reader = await ReadAsync();
        await writer.ExecuteAsync("INSERT INTO plain (v) VALUES (2)", default);
        foreach (var table in new[] { "rolled_back", "parts", "odd-one $@", "größe", "con" })
        {
            await writer.ExecuteAsync("START TRANSACTION", default);
            await writer.ExecuteAsync($"INSERT INTO `{table}` (v) VALUES (2), (3)", default);
            await writer.ExecuteAsync("ROLLBACK", default);
        }

        await writer.ExecuteAsync("TRUNCATE TABLE emptied", default);
        await writer.ExecuteAsync("ALTER TABLE rebuilt ADD COLUMN w INT, AUTO_INCREMENT=900, ALGORITHM=COPY", default);
        await writer.ExecuteAsync("ALTER TABLE made_one MODIFY id INT NOT NULL AUTO_INCREMENT", default);
        await writer.ExecuteAsync("ALTER TABLE lost_it MODIFY id INT NOT NULL", default);
        await writer.ExecuteAsync("INSERT INTO none VALUES (8, 1)", default);
        await writer.ExecuteAsync("FLUSH TABLES unopened", default);

        var all = Tables();
        var listed = await reader.ReadByListAsync(all, default);
        Assert.NotNull(listed);
        var asked = await new IdentityReader(connection, Moved(), new TableNameComparer(ignoreCase: false)).ReadAsync(default);
        Assert.Equal(Sorted(asked).Where(v => v.Table != "lost_it"), Sorted(listed).Where(v => v.Table != "lost_it"));

        // MySQL 8 and later say nothing of a table that would begin at 1, and go on telling the value of one that hands none out any more.
        Assert.Equal(
            ["con", "größe", "made_one", "odd-one $@", "parts", "plain", "rebuilt", "rolled_back", "unopened"],
            Sorted(asked).Select(v => v.Table).Where(t => t is not ("emptied" or "lost_it")));
        Assert.Equal([("plain", 9UL)], Sorted((await reader.ReadByListAsync([new TableName(schema, "plain")], default))!));

        // Once something came into being, it is not known what.
        await writer.ExecuteAsync("CREATE TABLE new_one (id INT)", default);
        Assert.Null(await reader.ReadByListAsync(all, default));
        Assert.Equal(Sorted(asked), Sorted(await reader.ReadAgainAsync(all, default)));
        await writer.ExecuteAsync($"DROP DATABASE `{schema}`", default);

        MigratedSchema[] Moved() => [new MigratedSchema(schema, s_tables, Whole: true)];

        TableName[] Tables() => [.. s_tables.Select(t => new TableName(schema, t))];

        async Task<IdentityReader> ReadAsync()
        {
            var first = new IdentityReader(connection, Moved(), new TableNameComparer(ignoreCase: false));
            Assert.True(await first.CompareAsync(await first.ReadAsync(default), default));
            return first;
        }
    }

    private static IEnumerable<(string Table, ulong Next)> Sorted(IdentityValues values) =>
        values.Columns.Select(c => (c.Key.Name, c.Value)).OrderBy(v => v.Name, StringComparer.Ordinal);
}
