using System.Text;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tests.Schema;

/// <summary>What the binary log says of a row is, byte for byte, what the server prints when asked for it.</summary>
[Trait("Category", "Integration")]
public sealed class RowImageTests
{
    private const int MaxTablesPerRead = 500;

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-9.7", "--binlog-transaction-compression=ON", "--binlog-row-metadata=FULL")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-5.6", "--log-bin-use-v1-row-events=1", "--binlog-checksum=NONE")]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-10.11", "--log-bin-compress=ON", "--log-bin-compress-min-len=10")]
    [InlineData("mariadb-10.5", "--mysql56-temporal-format=OFF", "--binlog-checksum=NONE")]
    [InlineData("mariadb-11.8", "--binlog-row-metadata=FULL")]
    public async Task A_decoded_row_is_what_the_server_prints(string name, params string[] options)
    {
        // Thousands of small transactions, for what is logged of them: none has to wait for the disk.
        await using var server = await LabServer.StartAsync(name, [.. options, "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0"]);
        await using var connection = await OpenAsync(server);
        var start = await EndOfLogAsync(connection);
        var oldTemporals = options.Contains("--mysql56-temporal-format=OFF");
        var columns = EdgeValues.For(connection.Server, oldTemporals);
        var expected = new Dictionary<string, Queue<(string What, string[] Before, string[] After)>>();
        var failures = new List<string>();
        for (var t = 0; t < columns.Count; t++)
        {
            expected[$"c{t}"] = await ChangeRowsAsync(connection, $"c{t}", columns[t]);
        }

        var shapes = (await SchemaReader.ReadTablesAsync(connection, "edge", CancellationToken.None))
            .ToDictionary(t => t.Name.Name, t => t.ToShape());
        Assert.InRange(shapes.Count, columns.Count, MaxTablesPerRead);
        var decoded = 0;
        await using var reader = await OpenReaderAsync(server, start);
        while (await reader.ReadAsync(CancellationToken.None) is { } e)
        {
            if (e is not RowsEvent { Table.Schema: "edge" } rows)
            {
                continue;
            }

            var type = columns[int.Parse(rows.Table.Table[1..])].Type;
            foreach (var change in rows.DecodeRows(shapes[rows.Table.Table]))
            {
                var (what, before, after) = expected[rows.Table.Table].Dequeue();
                Compare(failures, $"{type}, {what}, before", before, change.Before);
                Compare(failures, $"{type}, {what}, after", after, change.After);
                decoded++;
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(40)) + $"\n{failures.Count} differences in all, {decoded} rows");
        Assert.All(expected, e => Assert.Empty(e.Value));
        Assert.Equal(await EndOfLogAsync(connection), reader.Position);
    }

    internal static async Task<BackendConnection> OpenAsync(LabServer server)
    {
        var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        await connection.ExecuteAsync(
            "SET time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES', character_set_results=NULL", CancellationToken.None);
        return connection;
    }

    internal static async Task<BinlogPosition> EndOfLogAsync(BackendConnection connection)
    {
        var modern = connection.Server.IsAtLeast(ServerVendor.MySql, 8, 2);
        var status = await connection.QueryAsync(modern ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", CancellationToken.None);
        return new BinlogPosition(status.GetString(0, 0), status.GetUInt64(0, 1));
    }

    internal static async Task<BinlogReader> OpenReaderAsync(LabServer server, BinlogPosition start) => await BinlogReader.OpenAsync(
        await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None),
        new BinlogDumpRequest { ServerId = 4711, File = start.File, Position = start.Offset, StopAtEnd = true },
        CancellationToken.None);

    /// <summary>Inserts every value, then NULL, moves every value to the next row by an update, deletes all; records what the server prints.</summary>
    private static async Task<Queue<(string What, string[] Before, string[] After)>> ChangeRowsAsync(
        BackendConnection connection, string table, EdgeColumn column)
    {
        var expected = new Queue<(string, string[], string[])>();
        await connection.ExecuteAsync("CREATE DATABASE IF NOT EXISTS edge CHARACTER SET utf8mb4", CancellationToken.None);
        await connection.ExecuteAsync($"CREATE TABLE edge.{table} (id INT PRIMARY KEY, v {column.Type}) ENGINE=InnoDB", CancellationToken.None);
        var definition = await SchemaReader.ReadTableAsync(connection, new TableName("edge", table), CancellationToken.None);
        var select = $"SELECT {string.Join(", ", definition!.Columns.Select(c => c.CanonicalExpression))} FROM edge.{table} WHERE id=";
        var values = definition.Columns[1].IsNullable ? [.. column.Values, "NULL"] : column.Values;
        for (var i = 0; i < values.Length; i++)
        {
            await connection.ExecuteAsync($"INSERT INTO edge.{table} VALUES ({i}, {values[i]})", CancellationToken.None);
            expected.Enqueue(($"insert {Shorten(values[i])}", [], await ReadAsync(connection, select + i)));
        }

        for (var i = 0; i < values.Length; i++)
        {
            var value = values[(i + 1) % values.Length];
            var before = await ReadAsync(connection, select + i);
            await connection.ExecuteAsync($"UPDATE edge.{table} SET id={i + 1000}, v={value} WHERE id={i}", CancellationToken.None);
            expected.Enqueue(($"update to {Shorten(value)}", before, await ReadAsync(connection, select + (i + 1000))));
        }

        for (var i = 0; i < values.Length; i++)
        {
            var before = await ReadAsync(connection, select + (i + 1000));
            await connection.ExecuteAsync($"DELETE FROM edge.{table} WHERE id={i + 1000}", CancellationToken.None);
            expected.Enqueue(("delete", before, []));
        }

        return expected;
    }

    private static async Task<string[]> ReadAsync(BackendConnection connection, string select)
    {
        var result = await connection.QueryAsync(select, CancellationToken.None);
        Assert.Equal(1, result.RowCount);
        return [.. Enumerable.Range(0, result.Columns.Count).Select(i => result.IsNull(0, i) ? "NULL" : Encoding.Latin1.GetString(result.GetBytes(0, i)))];
    }

    private static void Compare(List<string> failures, string what, string[] expected, RowImage image)
    {
        var actual = image.Select(c => c.IsNull ? "NULL" : Encoding.Latin1.GetString(c.Bytes.Span)).ToArray();
        if (!expected.SequenceEqual(actual))
        {
            failures.Add($"{what}: printed [{Shorten(string.Join('|', expected))}] decoded [{Shorten(string.Join('|', actual))}]");
        }
    }

    private static string Shorten(string text) => text.Length <= 160 ? text : $"{text[..160]}… ({text.Length})";
}
