using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A client that compresses its connection gets the bytes it would get without.</summary>
[Trait("Category", "Integration")]
public sealed class CompressionTests
{
    [Theory]
    [InlineData("mariadb-10.11", Capabilities.Compress)]
    [InlineData("mysql-9.7", Capabilities.Compress)]
    [InlineData("mysql-9.7", Capabilities.ZstdCompression)]
    public async Task Answers_are_those_without_compression(string name, Capabilities compression)
    {
        var server = await WideServers.GetAsync(name);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var direct = await WireClient.OpenAsync(harness.Client with { Port = server.Port }, Capabilities.DeprecateEof);
        await using var proxied = await WireClient.OpenAsync(harness.Client, Capabilities.DeprecateEof | compression);
        Assert.Equal(compression, proxied.Negotiated & (Capabilities.Compress | Capabilities.ZstdCompression));
        direct.LocalFile = proxied.LocalFile = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 50_000).Select(i => $"{i}\trow number {i}\n")));
        await harness.DirectAsync(server, "CREATE TABLE c (a INT, b TEXT)");
        var answers = new List<byte[]>();
        foreach (var sql in Statements())
        {
            answers.Add(await direct.QueryAsync(sql));
        }

        foreach (var (sql, expected) in Statements().Zip(answers))
        {
            var given = await proxied.QueryAsync(sql);
            Assert.True(expected.AsSpan().SequenceEqual(given), $"{sql[..Math.Min(60, sql.Length)]}: {expected.Length} bytes direct, {given.Length} bytes compressed");
        }
    }

    [Theory]
    [InlineData("mysql-9.7", "mysql", "--compression-algorithms=zstd --zstd-compression-level=7")]
    [InlineData("mysql-9.7", "mysql", "--compression-algorithms=zstd,zlib")]
    [InlineData("mariadb-10.11", "mariadb", "--compress")]
    public async Task Command_lines_compress(string name, string program, string options)
    {
        var server = await WideServers.GetAsync(name);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var file = Path.GetTempFileName();
        await File.WriteAllLinesAsync(file, Enumerable.Range(0, 30_000).Select(i => $"{i}\tline {i * 7919L % 1_000_003}"));
        var script = $"""
            DROP TABLE IF EXISTS c; CREATE TABLE c (a INT PRIMARY KEY, b TEXT);
            LOAD DATA LOCAL INFILE '{file}' INTO TABLE c;
            SELECT COUNT(*), SUM(CRC32(b)) FROM c; SELECT * FROM c ORDER BY a; SELECT nonsense; SELECT MD5(REPEAT('z', 17000000));
            SELECT REPEAT('q', 17000000); SELECT 1;
            """;
        string[] Arguments(int port) =>
            [.. options.Split(' '), "-h127.0.0.1", $"-P{port}", "-uapp", "-papp-password", "--local-infile=1", "--max-allowed-packet=64M", "-f", harness.Schema];
        var direct = await LabProgram.RunAsync(name, program, script, Arguments(server.Port));
        var proxied = await LabProgram.RunAsync(name, program, script, Arguments(harness.Proxy.EndPoint.Port));
        File.Delete(file);
        Assert.Contains("30000\t", direct, StringComparison.Ordinal);
        Assert.True(direct == proxied, $"{direct.Length} characters direct, {proxied.Length} through the proxy, which end in: {proxied[^Math.Min(300, proxied.Length)..]}");
    }

    [Fact]
    public async Task A_server_that_looks_like_MariaDB_offers_no_zstd()
    {
        var server = await WideServers.GetAsync("mariadb-10.11");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.ZstdCompression);
        Assert.Equal(Capabilities.None, client.Negotiated & Capabilities.ZstdCompression);
    }

    /// <summary>Short ones that are not worth compressing, long ones, some that do not compress, and some over the length of one packet, both ways.</summary>
    private static IEnumerable<string> Statements()
    {
        yield return "SELECT 1";
        yield return "SELECT REPEAT('x', 100000)";
        yield return "CREATE OR REPLACE VIEW v AS SELECT 1";
        yield return "TRUNCATE TABLE c";
        yield return "LOAD DATA LOCAL INFILE 'whatever' INTO TABLE c";
        yield return "SELECT * FROM c ORDER BY a";
        var random = new byte[300_000];
        new Random(7).NextBytes(random);
        yield return $"SELECT x'{Convert.ToHexString(random)}'";
        yield return $"SELECT LENGTH('{new string('y', 17_000_000)}')";
        yield return "SELECT REPEAT('z', 16777215), 1";
        yield return "SELECT REPEAT('z', 34000000)";
        yield return "SELECT no_such_column";
        yield return "SELECT 1; SELECT REPEAT('m', 1000); SELECT oops; SELECT 2";
    }
}
