using System.Net.Sockets;
using System.Text;
using Switchyard.Lab;

namespace Switchyard.Integration.Tests.Lab;

/// <summary>What every other test with a real server relies on.</summary>
[Trait("Category", "Integration")]
public sealed class LabServerTests
{
    [Fact]
    public async Task A_killed_server_comes_back_on_its_own_port()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        Assert.Contains("10.11.", await ReadGreetingAsync(server.Port));

        await server.KillAsync();
        var refused = await Record.ExceptionAsync(() => ReadGreetingAsync(server.Port));
        Assert.True(refused is SocketException or IOException, $"a killed server answered: {refused}");

        await server.RestartAsync();
        Assert.Contains("10.11.", await ReadGreetingAsync(server.Port));
    }

    [Fact]
    public async Task A_shared_server_is_started_once()
    {
        var both = await Task.WhenAll(LabServer.SharedAsync("mariadb-10.11", "source"), LabServer.SharedAsync("mariadb-10.11", "source"));

        Assert.Same(both[0], both[1]);
        await both[0].DisposeAsync();
        Assert.Contains("10.11.", await ReadGreetingAsync(both[0].Port));
    }

    [Fact]
    public async Task A_server_that_cannot_start_says_why()
    {
        var error = await Assert.ThrowsAsync<LabException>(() => LabServer.StartAsync("mariadb-10.11", "--no-such-option"));

        Assert.Contains("no-such-option", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The server speaks first; its version is near the start of what it says.</summary>
    private static async Task<string> ReadGreetingAsync(int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", port);
        var greeting = new byte[64];
        await client.GetStream().ReadAtLeastAsync(greeting, 32);
        return Encoding.ASCII.GetString(greeting);
    }
}
