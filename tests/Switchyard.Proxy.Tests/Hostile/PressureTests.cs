using System.Net.Sockets;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Hostile;

/// <summary>Clients that say nothing, take nothing, or leave in the middle.</summary>
[Collection(MeasuredAlone.Name)]
[Trait("Category", "Integration")]
public sealed class PressureTests
{
    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(6)).Token;

    [Fact]
    public async Task Two_thousand_connections_that_never_log_in_cost_little_and_keep_nobody_out()
    {
        const int Count = 2000;
        const long MaxBytesEach = 32 * 1024;
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromMinutes(6) }, ("s", server));
        await using var other = await harness.ConnectAsync(_limit);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var silent = new List<RawClient>();
        for (var i = 0; i < Count; i++)
        {
            silent.Add(await RawClient.ConnectAsync(harness.Proxy.EndPoint));
            if (i % 100 == 0)
            {
                await other.PingAsync(_limit);
            }
        }

        // Each has been greeted: all that the proxy does for it is done.
        foreach (var client in silent)
        {
            await client.ReadGreetingAsync(_limit);
        }

        Assert.InRange((GC.GetTotalMemory(forceFullCollection: true) - before) / Count, long.MinValue, MaxBytesEach);
        await using (var late = await harness.ConnectAsync(_limit))
        {
            Assert.Equal("1", (await late.QueryAsync("SELECT 1", _limit)).GetString(0, 0));
            await late.ExecuteAsync($"KILL QUERY {other.Server.ConnectionId}", _limit);
        }

        // The backend is not shown more of them than a bounded number.
        var shown = await harness.ScalarAsync(server, "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'unauthenticated user'");
        Assert.InRange(int.Parse(shown!, System.Globalization.CultureInfo.InvariantCulture), 0, 64);
        foreach (var client in silent)
        {
            await client.DisposeAsync();
        }

        while (harness.Proxy.SessionCount > 1)
        {
            await Task.Delay(20, _limit);
        }

        Assert.Empty(harness.Errors);
        await other.PingAsync(_limit);
    }

    [Fact]
    public async Task Statements_of_many_megabytes_at_once_leave_little_behind()
    {
        const int Clients = 8;
        const int StatementBytes = 20_000_000;

        // What is kept for the next ones, of the proxy's and the clients' own buffers together, and some room.
        const long MostBytes = LargeBuffers.KeptBytes + (40 * 1024 * 1024);
        await using var server = await LabServer.StartAsync("mariadb-10.11", "--max-allowed-packet=64M");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var clients = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => harness.ConnectAsync(_limit)));
        await Task.WhenAll(clients.Select(async client =>
        {
            var length = await client.QueryAsync($"SELECT LENGTH('{new string('a', StatementBytes)}')", _limit);
            Assert.Equal(StatementBytes.ToString(System.Globalization.CultureInfo.InvariantCulture), length.GetString(0, 0));
        }));
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }

        await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 0);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, MostBytes);
    }

    [Fact]
    public async Task A_login_that_takes_too_long_is_ended()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        // Its time begins before the server has been asked for what the greeting says.
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromSeconds(3) }, ("s", server));
        await using var client = await RawClient.ConnectAsync(harness.Proxy.EndPoint);
        await client.ReadGreetingAsync(_limit);
        Assert.Null(await client.ReadPacketAsync(_limit));
    }

    [Fact]
    public async Task A_client_that_never_reads_slows_its_backend_and_nothing_piles_up()
    {
        const long MaxHeldBytes = 32 << 20;
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var other = await harness.ConnectAsync(_limit);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var client = await RawClient.ConnectAsync(harness.Proxy.EndPoint);
        await client.LogInAsync(_limit, harness.Schema);
        await client.SendPacketAsync([(byte)CommandKind.Query, .. "SELECT REPEAT('x', 1000000) AS deaf FROM seq_1_to_1000000"u8], 0, _limit);
        while (await harness.ScalarAsync(server, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT REPEAT%' AND state LIKE 'Writ%'") == "0")
        {
            await Task.Delay(20, _limit);
        }

        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, MaxHeldBytes);
        await other.PingAsync(_limit);

        // It leaves; the backend's work for it is ended.
        await client.DisposeAsync();
        while (await harness.ScalarAsync(server, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT REPEAT%'") != "0")
        {
            await Task.Delay(20, _limit);
        }

        Assert.Empty(harness.Errors);
    }

    [Fact]
    public async Task A_client_that_has_closed_its_side_still_gets_its_answer()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await RawClient.ConnectAsync(harness.Proxy.EndPoint);
        await client.LogInAsync(_limit, harness.Schema);
        await client.SendPacketAsync([(byte)CommandKind.Query, .. "SELECT SLEEP(0.05), 'the answer'"u8], 0, _limit);
        client.Socket.Shutdown(SocketShutdown.Send);
        Assert.Contains("the answer", System.Text.Encoding.Latin1.GetString(await client.ReadToEndAsync(_limit)), StringComparison.Ordinal);
        while (harness.Proxy.SessionCount > 0)
        {
            await Task.Delay(10, _limit);
        }
    }

    /// <summary>As without a proxy: the server looks after its connection while it waits.</summary>
    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task The_wait_of_a_client_that_has_left_ends_at_the_server(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var holder = await harness.ConnectAsync(_limit);
        var locked = $"GET_LOCK('{harness.Schema}', 3600)";
        await holder.QueryAsync($"SELECT {locked}", _limit);
        var waiting = $"SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT {locked.Replace("'", "''", StringComparison.Ordinal)}'";
        var client = await harness.ConnectAsync(_limit);
        var answer = client.QueryAsync($"SELECT {locked}", _limit);
        while (await harness.ScalarAsync(server, waiting) != "1")
        {
            await Task.Delay(20, _limit);
        }

        await client.DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => answer);
        while (await harness.ScalarAsync(server, waiting) != "0")
        {
            await Task.Delay(20, _limit);
        }

        Assert.Empty(harness.Errors);
    }

    [Fact]
    public async Task A_backend_that_dies_within_an_answer_ends_it_without_an_error_that_looks_like_a_row()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await RawClient.ConnectAsync(harness.Proxy.EndPoint);
        await client.LogInAsync(_limit, harness.Schema);
        await client.SendPacketAsync([(byte)CommandKind.Query, .. "SELECT REPEAT('x', 1000) AS cut FROM seq_1_to_1000000000"u8], 0, _limit);
        for (var i = 0; i < 100; i++)
        {
            Assert.NotNull(await client.ReadPacketAsync(_limit));
        }

        await using (var admin = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), _limit))
        {
            var id = (await admin.QueryAsync("SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT REPEAT(%AS cut%' AND id <> CONNECTION_ID()", _limit)).GetString(0, 0);
            await admin.ExecuteAsync($"KILL HARD {id}", _limit);
        }

        // Rows, then perhaps the server's own error, then the end: never an endless wait.
        byte[]? last = null;
        try
        {
            for (byte[]? packet; (packet = await client.ReadPacketAsync(_limit)) is not null;)
            {
                last = packet;
            }
        }
        catch (SocketException)
        {
            // Reset: as clear an end as any.
        }

        Assert.True(last is null || last[0] != OkPayload.Header);
        Assert.Empty(harness.Errors);
    }
}
