using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>The number of a collation that clients log in with.</summary>
[Trait("Category", "Integration")]
public sealed class CharacterSetLoginTests
{
    private const ushort Swe7 = 10;
    private const ushort Utf8Mb4Of0900 = 255;

    [Theory]
    [InlineData("mariadb-10.11", Swe7)]
    [InlineData("mysql-9.7", Swe7)]
    [InlineData("mariadb-11.8", Utf8Mb4Of0900)]
    public async Task Means_through_the_proxy_what_it_means_to_the_server(string name, ushort collation)
    {
        var server = await LabServer.SharedAsync(name, "proxy-login");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        Assert.Equal(await SettingsAsync(harness.Client with { Port = server.Port }), await SettingsAsync(harness.Client));

        async Task<string> SettingsAsync(ConnectionOptions options)
        {
            await using var connection = await BackendConnection.OpenAsync(options with { Collation = collation, Schema = null }, default);
            var answer = await connection.QueryAsync("SELECT @@character_set_client, @@collation_connection, @@character_set_results", default);
            return $"{answer.GetString(0, 0)} {answer.GetString(0, 1)} {answer.GetString(0, 2)}";
        }
    }
}
