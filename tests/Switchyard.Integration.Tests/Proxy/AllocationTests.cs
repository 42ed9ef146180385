using System.Globalization;
using System.Net.Sockets;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Wire;

namespace Switchyard.Integration.Tests.Proxy;

/// <summary>What a statement costs the release build, in what can be counted exactly.</summary>
[Trait("Category", "Integration")]
public sealed class AllocationTests
{
    private const int WarmUp = 5_000;
    private const int Statements = 20_000;
    private const int MostRounds = 5;

    /// <summary>The smallest state machine that is not pooled takes more than 100 bytes; a pool that grows now and then, a few in the mean.</summary>
    private const double MostBytesPerStatement = 24;

    [Theory]
    [InlineData("mariadb-10.11", SslMode.Disabled)]
    [InlineData("mysql-9.7", SslMode.Required)]
    public async Task A_relayed_statement_allocates_nothing(string name, SslMode mode)
    {
        var server = await LabServer.SharedAsync(name, "source");
        var directory = Directory.CreateTempSubdirectory("switchyard-allocation-");
        await using var serve = await ServeProcess.StartAsync(
            ServeProcess.Release, directory.FullName, new Dictionary<string, string> { ["source"] = $"{server.Dsn}?ssl-mode={mode.ToString().ToLowerInvariant()}" }, "source");
        await using var client = await ConnectAsync(server, serve, mode);
        await RepeatAsync(client, WarmUp);

        // What the process does beside goes by time: on a busy machine it adds to a round. What a statement allocates is in every round.
        var perStatement = double.MaxValue;
        for (var round = 0; round < MostRounds && perStatement >= MostBytesPerStatement; round++)
        {
            var start = await AllocatedAsync(serve);
            var looking = await AllocatedAsync(serve) - start;
            await RepeatAsync(client, Statements);
            perStatement = Math.Min(perStatement, (await AllocatedAsync(serve) - start - (2 * looking)) / Statements);
        }

        directory.Delete(recursive: true);
        Assert.True(perStatement < MostBytesPerStatement, $"{perStatement:N1} bytes are allocated per statement.");
    }

    private static async Task<BackendTransport> ConnectAsync(LabServer server, ServeProcess serve, SslMode mode)
    {
        var options = ConnectionOptions.Parse(server.Dsn) with { Port = serve.ProxyPort, SslMode = mode };
        var connection = await BackendConnection.OpenAsync(options, default);
        return connection.Detach();
    }

    /// <summary>The same statement over and over, on the bare connection.</summary>
    private static async Task RepeatAsync(BackendTransport client, int times)
    {
        byte[] statement = [9, 0, 0, 0, 3, .. "SELECT 1"u8];
        var answer = new byte[4096];
        await client.Stream.WriteAsync(statement);
        var length = await ReadAnswerAsync(client, answer);
        for (var i = 1; i < times; i++)
        {
            await client.Stream.WriteAsync(statement);
            for (var read = 0; read < length;)
            {
                read += await client.Stream.ReadAsync(answer.AsMemory(0, length - read));
            }
        }
    }

    /// <summary>Reads one answer packet by packet; returns its length. One column, one row.</summary>
    private static async Task<int> ReadAnswerAsync(BackendTransport client, byte[] answer)
    {
        var packetsLeft = (client.Negotiated & Capabilities.DeprecateEof) != 0 ? 4 : 5;
        var (length, at) = (0, 0);
        while (packetsLeft > 0)
        {
            while (at + 4 > length || at + 4 + answer[at] > length)
            {
                var read = await client.Stream.ReadAsync(answer.AsMemory(length));
                Assert.NotEqual(0, read);
                length += read;
            }

            at += 4 + answer[at];
            packetsLeft--;
        }

        return at;
    }

    private static async Task<double> AllocatedAsync(ServeProcess serve)
    {
        var text = await serve.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        var line = text.Split('\n').Single(line => line.StartsWith("dotnet_gc_heap_total_allocated_bytes_total ", StringComparison.Ordinal));
        return double.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);
    }
}
