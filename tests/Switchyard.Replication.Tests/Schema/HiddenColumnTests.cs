using Switchyard.Binlog;
using Switchyard.Lab;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tests.Schema;

/// <summary>Columns nobody wrote, or nobody sees, do not shift the others in a row image.</summary>
[Trait("Category", "Integration")]
public sealed class HiddenColumnTests
{
    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mariadb-10.5")]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    public async Task Generated_invisible_and_hidden_columns_keep_their_places(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var connection = await RowImageTests.OpenAsync(server);
        string[] tables = connection.Server.IsMariaDb
            ?
            [
                "CREATE TABLE d.hashed (id INT PRIMARY KEY, t TEXT, v INT, UNIQUE KEY u (t), UNIQUE KEY u2 (t, v)) ENGINE=InnoDB",
                "CREATE TABLE d.generated (id INT PRIMARY KEY, a INT AS (id + 1) VIRTUAL, b INT, c INT AS (b + 1) STORED, d INT, KEY (a)) ENGINE=InnoDB",
                "CREATE TABLE d.invisible (id INT PRIMARY KEY, h INT INVISIBLE DEFAULT 5, b INT, KEY (b)) ENGINE=InnoDB",
            ]
            :
            [
                "CREATE TABLE d.functional (id INT PRIMARY KEY, t VARCHAR(20), v INT, KEY k ((lower(t))), UNIQUE KEY k2 ((v + 1), t), j JSON, KEY m ((CAST(j AS UNSIGNED ARRAY)))) ENGINE=InnoDB",
                "CREATE TABLE d.generated (id INT PRIMARY KEY, a INT AS (id + 1) VIRTUAL, b INT, c INT AS (b + 1) STORED, d INT, KEY (a)) ENGINE=InnoDB",
                "CREATE TABLE d.invisible (id INT PRIMARY KEY, h INT DEFAULT 5 INVISIBLE, b INT, KEY (b)) ENGINE=InnoDB",
                "CREATE TABLE d.keyless (t INT, b INT) ENGINE=InnoDB",
            ];
        string[] changes = connection.Server.IsMariaDb
            ? ["INSERT INTO d.hashed VALUES (1, 'x', 2)", "UPDATE d.hashed SET t = 'y'", "DELETE FROM d.hashed"]
            : ["INSERT INTO d.functional VALUES (1, 'X', 2, '[1,2]')", "UPDATE d.functional SET t = 'Y'", "DELETE FROM d.functional", "INSERT INTO d.keyless VALUES (7, 8)", "UPDATE d.keyless SET b = 9", "DELETE FROM d.keyless"];
        await connection.ExecuteAsync("CREATE DATABASE d", CancellationToken.None);
        if (!connection.Server.IsMariaDb)
        {
            await connection.ExecuteAsync("SET sql_generate_invisible_primary_key=1", CancellationToken.None);
        }

        foreach (var table in tables)
        {
            await connection.ExecuteAsync(table, CancellationToken.None);
        }

        var start = await RowImageTests.EndOfLogAsync(connection);
        var definitions = (await SchemaReader.ReadTablesAsync(connection, "d", CancellationToken.None)).ToDictionary(t => t.Name.Name);
        var expected = new List<string>();
        foreach (var change in (string[])[.. changes,
            "INSERT INTO d.generated (id, b, d) VALUES (1, 10, 20)", "UPDATE d.generated SET b = 11", "DELETE FROM d.generated",
            "INSERT INTO d.invisible (id, b) VALUES (1, 2)", "UPDATE d.invisible SET h = 6", "DELETE FROM d.invisible"])
        {
            var table = definitions[change.Split(' ', '.').First(definitions.ContainsKey)];
            var before = change.StartsWith("INSERT", StringComparison.Ordinal) ? "" : await ReadAsync(connection, table);
            await connection.ExecuteAsync(change, CancellationToken.None);
            expected.Add($"{before} -> {(change.StartsWith("DELETE", StringComparison.Ordinal) ? "" : await ReadAsync(connection, table))}");
        }

        var decoded = new List<string>();
        await using var reader = await RowImageTests.OpenReaderAsync(server, start);
        while (await reader.ReadAsync(CancellationToken.None) is { } e)
        {
            if (e is RowsEvent rows)
            {
                var table = definitions[rows.Table.Table];
                decoded.AddRange(rows.DecodeRows(table.ToShape()).Select(r => $"{Print(table, r.Before)} -> {Print(table, r.After)}"));
            }
        }

        Assert.Equal(expected, decoded);
    }

    private static async Task<string> ReadAsync(Client.BackendConnection connection, TableDefinition table)
    {
        var row = await connection.QueryAsync(
            $"SELECT {string.Join(", ", table.StoredColumns.Select(c => c.CanonicalExpression))} FROM {table.Name.Quoted}", CancellationToken.None);
        return string.Join('|', Enumerable.Range(0, row.Columns.Count).Select(i => row.GetStringOrNull(0, i) ?? "NULL"));
    }

    private static string Print(TableDefinition table, RowImage image) =>
        image.IsPresent ? string.Join('|', table.StoredColumns.Select(c => image[c.Ordinal].ToString())) : "";
}
