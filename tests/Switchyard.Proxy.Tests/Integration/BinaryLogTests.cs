using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Whoever reads a server's binary log can read it through the proxy.</summary>
[Trait("Category", "Integration")]
public sealed class BinaryLogTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-binlog")]
    [InlineData("mysql-9.7", "mysqlbinlog")]
    public async Task Programs_read_the_same_log(string name, string program)
    {
        var server = await WideServers.GetAsync(name);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE TABLE b (a INT PRIMARY KEY, t LONGTEXT)", "INSERT INTO b VALUES (1, 'x'), (2, REPEAT('long', 5000000))", "UPDATE b SET t = 'short'");
        var start = await ProxyHarness.PositionAsync(server);
        await harness.DirectAsync(server, "INSERT INTO b VALUES (3, REPEAT('y', 100000))", "DELETE FROM b");
        string[] Arguments(int port) =>
            ["--read-from-remote-server", "-h127.0.0.1", $"-P{port}", "-uapp", "-papp-password", "--start-position=4", $"--stop-position={start.Offset}", start.File];
        var direct = await LabProgram.RunAsync(name, program, "", Arguments(server.Port));
        var proxied = await LabProgram.RunAsync(name, program, "", Arguments(harness.Proxy.EndPoint.Port));
        Assert.Contains("CREATE TABLE b", direct, StringComparison.Ordinal);
        Assert.True(direct.Length > 20_000_000);
        Assert.True(Comparable(direct) == Comparable(proxied), $"{direct.Length} characters direct, {proxied.Length} through the proxy: {proxied[..Math.Min(500, proxied.Length)]}");
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_stream_follows_the_log_and_pins_its_session(string name)
    {
        var server = await WideServers.GetAsync(name);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE TABLE b (a INT PRIMARY KEY, t TEXT)");
        var start = await ProxyHarness.PositionAsync(server);
        var replica = await harness.ConnectAsync();
        var dump = await replica.DumpBinlogAsync(new BinlogDumpRequest { ServerId = 4711, File = start.File, Position = start.Offset }, default);
        await harness.DirectAsync(server, "INSERT INTO b VALUES (1, 'first-marked-row')");
        await ReadUntilAsync(dump, "first-marked-row"u8.ToArray());
        var session = Assert.Single(harness.Proxy.ListSessions());
        Assert.Contains("it streams the binary log", session.Pins);
        Assert.Equal("streaming", session.State);

        // Others are served, and a switch is not held up by it: it has nothing to do with any table.
        await using var other = await harness.ConnectAsync();
        await other.ExecuteAsync("INSERT INTO b VALUES (2, 'second-marked-row')", default);
        await ReadUntilAsync(dump, "second-marked-row"u8.ToArray());

        // In good order: the stream ends with the proxy, and nothing of it is left at the server.
        await harness.Proxy.StopAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => ReadUntilAsync(dump, "never written"u8.ToArray()));
        await dump.DisposeAsync();
        while (await harness.ScalarAsync(server, "SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'") != "0")
        {
            await Task.Delay(20);
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task The_connection_ends_with_its_stream_as_at_the_server(string name)
    {
        var server = await WideServers.GetAsync(name);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var start = await ProxyHarness.PositionAsync(server);
        foreach (var file in new[] { start.File, "no-such-file.000001" })
        {
            var answers = new List<byte[]>();
            foreach (var port in new[] { server.Port, harness.Proxy.EndPoint.Port })
            {
                await using var client = await WireClient.OpenAsync(harness.Client with { Port = port }, Capabilities.DeprecateEof);
                await client.QueryAsync("SET @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32', @mariadb_slave_capability = 4");

                // From its beginning to its end: one that does not wait for more.
                byte[] where = [4, 0, 0, 0, 1, 0, 0x12, 0x13, 0, 0, .. Encoding.ASCII.GetBytes(file)];
                answers.Add((await client.CommandAsync(CommandKind.BinlogDump, where, ResponseShape.BinaryLog))[^9..]);
                Assert.Equal(file == start.File ? 0 : 1236, client.ErrorCode);
                await Assert.ThrowsAnyAsync<IOException>(() => client.QueryAsync("SELECT 1"));
            }

            Assert.Equal(answers[0][^4..], answers[1][^4..]);
        }
    }

    /// <summary>Without the lines that hold the connection's own id and time.</summary>
    private static string Comparable(string output) => string.Join(
        '\n', output.Split('\n').Where(line => !line.Contains("pseudo_thread_id", StringComparison.Ordinal) && !line.Contains("Warning", StringComparison.OrdinalIgnoreCase)));

    private static async Task ReadUntilAsync(BinlogDump dump, byte[] text)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while ((await dump.ReadEventAsync(limit.Token)).Span.IndexOf(text) < 0)
        {
        }
    }
}
