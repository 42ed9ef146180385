using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tests.Schema;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Every type and every awkward value, carried by the copy and by the stream, is bit for bit what the source has.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ValueTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task Values_at_the_edges_of_every_type_arrive_exactly(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to);
        var columns = EdgeValues.For(scenario.Source.Server, oldTemporals: false);
        var kept = new List<(string Table, EdgeColumn Column)>();
        for (var i = 0; i < columns.Count; i++)
        {
            await scenario.Source.ExecuteAsync($"CREATE TABLE c{i} (id INT NOT NULL PRIMARY KEY, v {columns[i].Type}) ENGINE=InnoDB", default);
            if (await CanBeOnTargetAsync(scenario, $"c{i}"))
            {
                kept.Add(($"c{i}", columns[i]));
            }
            else
            {
                await scenario.Source.ExecuteAsync($"DROP TABLE c{i}", default);
            }
        }

        Assert.InRange(kept.Count, columns.Count * 3 / 4, columns.Count);
        foreach (var (table, column) in kept)
        {
            await InsertAsync(scenario, table, column, 0);
        }

        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions { Threads = 4 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
        foreach (var (table, column) in kept)
        {
            await InsertAsync(scenario, table, column, 1000);
            // Every value becomes its neighbour's, and every fifth row goes.
            await scenario.Source.ExecuteAsync($"UPDATE {table} a JOIN {table} b ON b.id=a.id-1 SET a.v=b.v WHERE a.id>1000", default);
            await scenario.Source.ExecuteAsync($"DELETE FROM {table} WHERE id%5=3", default);
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        var failures = new List<string>();
        foreach (var (table, column) in kept)
        {
            // HEX rounds decimals, and prints addresses as bytes where they are a type and as text where they are not.
            var expression = column.Type.Split('(', ' ')[0] switch
            {
                "float" or "double" => "v*1e0",
                "decimal" or "inet4" or "inet6" or "uuid" => "v",
                _ => "HEX(v)",
            };
            var source = await ReadAsync(scenario.From, scenario.Schema, table, expression);
            var target = await ReadAsync(scenario.To, scenario.Schema, table, expression);
            failures.AddRange(source.Zip(target).Where(p => p.First != p.Second).Select(p => $"{column.Type}: {Short(p.First)} became {Short(p.Second)}"));
            Assert.Equal(source.Count, target.Count);
            Assert.NotEmpty(source);
            if (column.Type.Split('(', ' ')[0] is "float" or "double" && scenario.Target.Server.IsMariaDb)
            {
                // MariaDB takes the sign off a zero, whatever it is given as.
                failures.RemoveAll(f => f.StartsWith(column.Type + ": ", StringComparison.Ordinal) && f.EndsWith(":-0 became " + f.Split(' ')[^1], StringComparison.Ordinal) && f.EndsWith(":0", StringComparison.Ordinal));
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(30)));
    }

    private static string Short(string text) => text.Length > 200 ? text[..200] + "…" : text;

    private static async Task<bool> CanBeOnTargetAsync(Scenario scenario, string table)
    {
        await using var source = await BackendConnection.OpenAsync(scenario.From, default);
        await using var target = await BackendConnection.OpenAsync(scenario.To, default);
        try
        {
            await new SchemaCopier(source, target).CopyTablesAsync(scenario.Schema, [table], deferIndexes: false, default);
            return true;
        }
        catch (SchemaTranslationException)
        {
            return false;
        }
    }

    private static async Task InsertAsync(Scenario scenario, string table, EdgeColumn column, int offset)
    {
        await scenario.Source.ExecuteAsync($"INSERT INTO {table} VALUES ({offset}, NULL)", default);
        for (var i = 0; i < column.Values.Length; i++)
        {
            await scenario.Source.ExecuteAsync($"INSERT IGNORE INTO {table} VALUES ({offset + i + 1}, {column.Values[i]})", default);
        }
    }

    private static async Task<List<string>> ReadAsync(ConnectionOptions server, string schema, string table, string expression)
    {
        await using var connection = await BackendConnection.OpenAsync(server, default);
        await connection.ExecuteAsync("SET SESSION time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES'", default);
        var result = await connection.QueryAsync($"SELECT id, {expression} FROM {schema}.{table} ORDER BY id", default);
        return [.. result.Rows.Select(r => $"{r.GetString(0)}:{r.GetStringOrNull(1) ?? "NULL"}")];
    }
}
