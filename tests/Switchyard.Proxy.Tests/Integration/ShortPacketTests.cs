using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Packets with too little or too much in them are answered as by the server.</summary>
[Trait("Category", "Integration")]
public sealed class ShortPacketTests
{
    [Theory]
    [InlineData("mysql-5.6")]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_close_cut_short_and_attributes_of_any_length(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        Assert.Equal(await SendAsync(server.Port, name), await SendAsync(harness.Client.Port, name));
    }

    private static async Task<List<string>> SendAsync(int port, string name)
    {
        List<string> seen = [];
        var plugin = name == "mysql-9.7" ? AuthPlugins.CachingSha2Password : AuthPlugins.NativePassword;
        foreach (var length in new[] { 0, 3 })
        {
            var (client, _) = await LoginClient.LogInAsync(port, plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword);
            await using var session = client;

            // Where the close has an answer, that is read for the one to the ping.
            await client.Socket.SendAsync(RawClient.Packet([(byte)CommandKind.StatementClose, .. new byte[length]], 0));
            seen.Add($"{length}: " + await client.CommandAsync(CommandKind.Ping));
        }

        foreach (var length in new[] { 100, 60_000, 65_526, 65_527, 65_528, 65_529, 65_530, 65_531, 65_532, 70_000 })
        {
            var (client, login) = await LoginClient.LogInAsync(port, plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword, attribute: new string('a', length));
            await client.DisposeAsync();
            seen.Add($"{length}: {login}");
        }

        return seen;
    }
}
