using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Values;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Inside MySQL's JSON a scalar can be more than its text: a DATE, a DECIMAL, binary, unsigned. Between MySQL servers it stays that.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class JsonTests
{
    private static readonly string[] s_documents =
    [
        "NULL", "'null'", "'true'", "'1'", "'-9223372036854775808'", "'18446744073709551615'", "'[1.0, -0.0, 1e300, 0.1, 5e-324]'", "'\"2020-01-01\"'", "'\"base64:type15:AP8=\"'",
        "'{\"a\": [], \"b\": {}, \"c\": [[[]], {\"\": {}}]}'",
        "CAST(CAST('2020-02-29' AS DATE) AS JSON)", "CAST(1 AS JSON)", "CAST(CAST(1 AS UNSIGNED) AS JSON)", "CAST(CAST(1.5 AS DECIMAL(10,1)) AS JSON)",
        "JSON_ARRAY(1.5, 1.50, 0.5, -0.05, 10, 123456789012345678901234567890.123456789, CAST(0 AS DECIMAL(65,30)))",
        "JSON_ARRAY(-123456789012345678901234567890123467.000000000000000000000000000001, CAST(12345678901234567890123456789012345.9999999999999999999999999999999 AS DECIMAL(65,30)))",
        "JSON_ARRAY(CAST(1 AS UNSIGNED), CAST(9223372036854775807 AS UNSIGNED), CAST(9223372036854775808 AS UNSIGNED), CAST(65535 AS UNSIGNED), CAST(4294967295 AS UNSIGNED), 1, -1, 70000)",
        "JSON_ARRAY(1700000000000, CAST(1700000000000 AS UNSIGNED), 4294967295, 4294967296, CAST(4294967295 AS UNSIGNED), CAST(4294967296 AS UNSIGNED), -1700000000000, 9223372036854775807)",
        "CAST(1700000000000 AS JSON)", "CAST(CAST(1700000000000 AS UNSIGNED) AS JSON)", "'{\"ts\": 1700000000000, \"n\": [4294967295, 4294967296]}'",
        "JSON_ARRAY(DATE'2020-01-01', TIME'-838:59:59', TIME'00:00:00.000001', TIMESTAMP'2020-01-01 10:11:12.123456', CAST('0000-00-00' AS DATE), CAST('2020-02-31' AS DATE))",
        "JSON_OBJECT('d', DATE'2020-01-01', 'k.e\"y', JSON_OBJECT('ü', JSON_ARRAY(1, JSON_ARRAY(2.5, TIME'01:02:03')), '', 1.10), 'text', '1.10', 'z', JSON_ARRAY('1', NULL, TRUE, 1e0, x'00ff27'))",
        "JSON_ARRAY(x'', x'00', REPEAT(x'ff', 200), _binary'abc')",
        "JSON_OBJECT('l', REPEAT('long ', 20000), 'n', 1.5, 'a', JSON_ARRAY(DATE'2020-01-01'))",
        "(SELECT CAST(CONCAT(REPEAT('[', 60), '1', REPEAT(']', 60)) AS JSON))", "(SELECT JSON_REPLACE(CAST(CONCAT(REPEAT('[', 60), '1', REPEAT(']', 60)) AS JSON), CONCAT('$', REPEAT('[0]', 60)), 2.50))",
        // Long enough that their text is made in a file: with what is put in one by one, and without.
        "JSON_OBJECT('l', REPEAT('\"long\n', 900000), 'n', 1.5, 'o', REPEAT(x'ff', 2000001), 'a', JSON_ARRAY(DATE'2020-01-01', 2))",
        "(SELECT CAST(CONCAT('[', REPEAT('\"some text of 0123456\", ', 200000), '0.5, 12345678901]') AS JSON))",
        "(SELECT JSON_ARRAY(t, d, i, b1, b40, y, e, s, g) FROM typed)",
    ];

    // What only columns are.
    private static readonly string[] s_binary = ["fixed", "varied", "plain", "medium", "`long`"];

    [Fact]
    public async Task A_scalar_inside_JSON_is_after_copy_and_stream_of_the_type_it_was()
    {
        await using var scenario = await Scenario.CreateAsync(
            "mysql-9.7", "mysql-9.7",
            "CREATE TABLE j (id INT NOT NULL PRIMARY KEY, doc JSON, n INT NOT NULL DEFAULT 0) ENGINE=InnoDB",
            "CREATE TABLE typed (id INT NOT NULL PRIMARY KEY, t TIMESTAMP(6) NULL, d DATETIME(3), i TIME(2), b1 BIT(1), b40 BIT(40), y YEAR, e ENUM('x','y'), s SET('p','q'), g POINT, fixed BINARY(5), varied VARBINARY(5), tiny TINYBLOB, plain BLOB, medium MEDIUMBLOB, `long` LONGBLOB) ENGINE=InnoDB",
            "INSERT INTO typed VALUES (1, '2021-02-03 04:05:06.123456', '2021-02-03 04:05:06.5', '-01:02:03.25', 1, 1099511627775, 2021, 'y', 'p,q', ST_GeomFromText('POINT(1 2.5)'), x'00ff', x'00ff', x'00ff', x'00ff', x'00ff', x'00ff')");
        await FillAsync(scenario.Source, 0);
        await scenario.RecordAsync();
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions { Threads = 2, FirstChunkRows = 7, MaxChunkRows = 7 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
        await FillAsync(scenario.Source, 1000);
        await scenario.Source.ExecuteAsync("UPDATE j SET n=1, doc=JSON_ARRAY(doc, 1.5, DATE'2020-01-01') WHERE id<1000 AND id%2=0", default);
        await scenario.Source.ExecuteAsync("UPDATE j SET n=2 WHERE id%3=0", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);

        var source = await PrintAsync(scenario.From, scenario.Schema);
        var target = await PrintAsync(scenario.To, scenario.Schema);
        Assert.Equal(source, target);
        await stream.StopAsync();
    }

    // Printed, each quote is two characters, more than the packet; the other text fits, and its types do not.
    [Theory]
    [InlineData("REPEAT('\"', 600000)")]
    [InlineData("REPEAT('x', 1048570)")]
    public async Task A_value_that_the_source_cannot_give_with_its_types_stops_the_copy_instead_of_arriving_as_NULL(string text)
    {
        await using var source = await LabServer.StartAsync("mysql-9.7");
        await using var scenario = await Scenario.CreateAsync(source, await LabServer.SharedAsync("mysql-9.7", "target"), "CREATE TABLE j (id INT NOT NULL PRIMARY KEY, doc JSON) ENGINE=InnoDB");
        await scenario.Source.ExecuteAsync($"INSERT INTO j VALUES (1, JSON_ARRAY({text}))", default);
        await scenario.Source.ExecuteAsync("SET GLOBAL max_allowed_packet=1048576", default);
        await scenario.RecordAsync();
        await using var stream = await scenario.OpenAsync();

        var stopped = await Assert.ThrowsAsync<ReplicationException>(
            () => new TableCopier(stream, new CopyOptions { Threads = 1 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4)));
        Assert.Contains($"{scenario.Schema}.j.doc is printed, with the types of its scalars, longer than the max_allowed_packet of the source", stopped.Message, StringComparison.Ordinal);
        await stream.StopAsync();
    }

    private static async Task FillAsync(BackendConnection source, int first)
    {
        var documents = s_documents.Concat(s_binary.Select(column => $"(SELECT JSON_ARRAY({column}) FROM typed)")).ToArray();
        for (var i = 0; i < documents.Length; i++)
        {
            await source.ExecuteAsync($"INSERT INTO j (id, doc) VALUES ({first + i}, {documents[i]})", default);
        }
    }

    private static async Task<string> PrintAsync(ConnectionOptions server, string schema)
    {
        await using var connection = await BackendConnection.OpenAsync(server with { Schema = schema }, default);
        await connection.ExecuteAsync("SET SESSION group_concat_max_len=1000000", default);
        var rows = await connection.QueryAsync($"SELECT id, n, LEFT(HEX({JsonScalars.ReadingTypes("doc")}), 4000), SHA2(doc, 256) FROM j ORDER BY id", default);
        return string.Join('\n', rows.Rows.Select(r => string.Join(' ', Enumerable.Range(0, 4).Select(i => r.GetStringOrNull(i) ?? "-"))));
    }
}
