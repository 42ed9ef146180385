using System.Net;
using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>What a server says in the packets of a login is said through the proxy, too.</summary>
[Trait("Category", "Integration")]
public sealed class LoginAnswerTests
{
    private const Capabilities Tracking =
        Capabilities.LongPassword | Capabilities.Protocol41 | Capabilities.SecureConnection | Capabilities.PluginAuth | Capabilities.Transactions
        | Capabilities.PluginAuthLengthEncodedData | Capabilities.SessionTrack;

    public static TheoryData<string> Servers => [.. LabServer.All];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_client_that_tracks_its_session_hears_its_state_at_the_login(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        foreach (var schema in new[] { harness.Schema, null })
        {
            foreach (var asked in new[] { Tracking, Tracking & ~Capabilities.SessionTrack })
            {
                var direct = await LoginAnswerAsync(harness.Client with { Port = server.Port, Schema = schema, ExactCapabilities = asked });
                var proxied = await LoginAnswerAsync(harness.Client with { Schema = schema, ExactCapabilities = asked });
                Assert.Equal(State(direct), State(proxied));
                Assert.Equal(direct.Status, proxied.Status);
                var reportsSchema = name != "mysql-5.6" && schema is not null && asked == Tracking;
                Assert.True(reportsSchema == State(direct).Contains($"{(char)harness.Schema.Length}{harness.Schema}", StringComparison.Ordinal), State(direct));
            }
        }
    }

    [Fact]
    public async Task A_servers_redirection_leads_no_client_past_the_proxy()
    {
        await using var server = await LabServer.StartAsync("mariadb-11.8");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "SET GLOBAL redirect_url = 'mysql://elsewhere:1234'");
        var direct = State(await LoginAnswerAsync(harness.Client with { Port = server.Port, ExactCapabilities = Tracking }));
        var proxied = State(await LoginAnswerAsync(harness.Client with { ExactCapabilities = Tracking }));
        Assert.Contains("mysql://elsewhere:1234", direct, StringComparison.Ordinal);
        await harness.DirectAsync(server, "SET GLOBAL redirect_url = DEFAULT");
        Assert.Equal(State(await LoginAnswerAsync(harness.Client with { Port = server.Port, ExactCapabilities = Tracking })), proxied);
    }

    /// <summary>A client of MariaDB 11.4 and later verifies by default, and takes the server's knowledge of its password for an authority.</summary>
    [Fact]
    public async Task Clients_of_MariaDB_believe_the_proxys_own_certificate_by_their_password()
    {
        var server = await LabServer.SharedAsync("mariadb-11.8", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, $"CREATE OR REPLACE USER {harness.Schema}_none@'%'");

        // By a name that is not one of those a client takes for its own machine, where it does not verify.
        Task<string> RunAsync(int port, params string[] account) => LabProgram.RunAsync(
            "mariadb-11.8", "mariadb", "SELECT 'let in'", ["--no-defaults", "-h127.1", $"-P{port}", "--ssl-verify-server-cert", "-N", .. account]);
        foreach (var port in new[] { server.Port, harness.Proxy.EndPoint.Port })
        {
            Assert.Equal("let in\n", await RunAsync(port, $"-u{ProxyHarness.AppUser}", $"-p{ProxyHarness.AppPassword}"));
            Assert.Contains("certificate", await RunAsync(port, $"-u{harness.Schema}_none", "--skip-password"), StringComparison.OrdinalIgnoreCase);
        }
    }

    [Theory]
    [InlineData("mariadb-10.11", AuthPlugins.CachingSha2Password)]
    [InlineData("mysql-9.7", AuthPlugins.NativePassword)]
    public async Task A_switch_to_another_plugin_is_over_the_greetings_challenge(string name, string begunWith)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        foreach (var port in new[] { server.Port, harness.Proxy.EndPoint.Port })
        {
            await using var client = await RawClient.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port));
            var greeting = await client.ReadGreetingAsync();
            using var writer = new PayloadWriter();
            new HandshakeResponsePayload { Capabilities = Tracking, User = Encoding.UTF8.GetBytes(ProxyHarness.AppUser), AuthPlugin = begunWith, AuthResponse = new byte[20] }.Write(writer);
            await client.SendPacketAsync(writer.WrittenSpan.ToArray(), 1);
            Assert.Equal(greeting.Nonce, AuthSwitchRequestPayload.Parse((await client.ReadPacketAsync())!).Nonce.ToArray());
        }
    }

    private static async Task<OkResult> LoginAnswerAsync(ConnectionOptions options)
    {
        await using var connection = await BackendConnection.OpenAsync(options with { SslMode = SslMode.Disabled }, default);
        return connection.LoginResult;
    }

    private static string State(OkResult answer) => Encoding.Latin1.GetString(answer.SessionState.Span);
}
