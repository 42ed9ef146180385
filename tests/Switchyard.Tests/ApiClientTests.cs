using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Switchyard.Cli;
using Switchyard.Lab;
using Switchyard.Migration;

namespace Switchyard.Tests;

/// <summary>What a user of the command line is told when no answer comes, or one of somebody else: what is wrong, and what to do.</summary>
public sealed class ApiClientTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-client-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Where_nobody_listens_it_is_said_how_to_start_it_or_to_say_where_it_runs(bool looks)
    {
        var uri = new Uri($"http://127.0.0.1:{FreePort.Next()}");
        var error = await FailAsync(uri, looks);
        Assert.StartsWith($"Switchyard does not answer at {uri.GetLeftPart(UriPartial.Authority)}: Connection refused", error.Message, StringComparison.Ordinal);
        Assert.Contains("`switchyard serve`", error.Remedy, StringComparison.Ordinal);
        Assert.Contains("--server URL", error.Remedy, StringComparison.Ordinal);
    }

    /// <summary>A database server greets who connects, and so does the proxy; then it hangs up on HTTP, which may come before the greeting is looked at.</summary>
    [Theory]
    [InlineData("mysql-9.7", true)]
    [InlineData("mariadb-10.11", true)]
    [InlineData("mariadb-10.11", false)]
    [Trait("Category", "Integration")]
    public async Task The_port_of_a_database_or_of_the_proxy_is_told_from_the_apis(string name, bool looks)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var serve = await RunningServe.StartAsync(_directory, settings => settings with { Backends = [KeyValuePair.Create("s", server.Dsn)] });
        foreach (var port in new[] { server.Port, serve.Settings.ProxyListen.Port })
        {
            await using var greeting = new OneAnswer(await GreetingAsync(port));
            var error = await FailAsync(greeting.Uri, looks);
            Assert.Equal($"What answers at {greeting.Uri.GetLeftPart(UriPartial.Authority)} is not Switchyard's API: it does not speak HTTP.", error.Message);
            Assert.Contains("--api-listen", error.Remedy, StringComparison.Ordinal);
            Assert.Contains("--server", (await FailAsync(new Uri($"http://127.0.0.1:{port}"))).Remedy, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_server_of_other_pages_is_told_from_the_api()
    {
        await using var pages = new OneAnswer("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>");
        var error = await FailAsync(pages.Uri);
        Assert.Equal("The server answered 404 Not Found without saying why.", error.Message);
        Assert.Contains("--server", error.Remedy, StringComparison.Ordinal);

        await using var pleased = new OneAnswer("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>");
        error = await FailAsync(pleased.Uri);
        Assert.StartsWith("The server's answer cannot be read:", error.Message, StringComparison.Ordinal);
        Assert.Contains("--server", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Https_where_none_is_spoken_is_named()
    {
        await using var serve = await RunningServe.StartAsync(_directory);
        var error = await FailAsync(new Uri($"https://{serve.Settings.ApiListen}"));
        Assert.StartsWith($"TLS could not be agreed with what answers at https://{serve.Settings.ApiListen}", error.Message, StringComparison.Ordinal);
        Assert.Contains("--server http://", error.Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("wrong")]
    public async Task Without_the_right_token_it_is_said_how_to_give_it_and_the_end_of_its_line_does_not_count(string? token)
    {
        await using var serve = await RunningServe.StartAsync(_directory, settings => settings with { ApiToken = "right" });
        using var client = serve.Client(token);
        var error = await Assert.ThrowsAsync<CliException>(() => client.GetAsync<JsonElement>("routing", default));
        Assert.Equal((ExitCode.Refused, "The token is missing or wrong."), (error.ExitCode, error.Message));
        Assert.Contains("--token, in SWITCHYARD_TOKEN", error.Remedy, StringComparison.Ordinal);
        using var right = serve.Client("right\n");
        Assert.NotNull(await right.GetAsync<JsonElement>("routing", default));
    }

    [Fact]
    public async Task A_server_of_another_version_is_told_by_what_it_does_not_know_or_says_otherwise()
    {
        await using var serve = await RunningServe.StartAsync(_directory);
        using var client = serve.Client();
        var error = await Assert.ThrowsAsync<CliException>(() => client.PostAsync<JsonElement>("migrations/shop/fly", null, default));
        Assert.Equal((ExitCode.NotFound, "The API has no POST /api/v1/migrations/shop/fly."), (error.ExitCode, error.Message));
        Assert.Contains("of another version", error.Remedy, StringComparison.Ordinal);

        const string Body = """{"name":7}""";
        await using var older = new OneAnswer($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {Body.Length}\r\n\r\n{Body}");
        error = await FailAsync(older.Uri);
        Assert.StartsWith("The server's answer cannot be read:", error.Message, StringComparison.Ordinal);
        Assert.Contains("of different versions", error.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_ends_before_it_has_answered_leaves_open_what_it_did()
    {
        await using var ending = new OneAnswer("");
        var error = await FailAsync(ending.Uri, looks: false);
        Assert.Contains("may be done, half done or not begun", error.Message, StringComparison.Ordinal);
        Assert.Contains("`switchyard migration status NAME`", error.Remedy, StringComparison.Ordinal);

        await using var looking = new OneAnswer("");
        Assert.StartsWith($"Switchyard does not answer at {looking.Uri.GetLeftPart(UriPartial.Authority)}:", (await FailAsync(looking.Uri)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_out_of_reach_or_never_answers_is_not_waited_for_for_ever()
    {
        // One that accepts nobody: what waits in its queue fills it, and further connections are not even refused.
        using var full = new Socket(SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        using var first = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await first.ConnectAsync(full.LocalEndPoint!);
        var error = await FailAsync(new Uri($"http://{full.LocalEndPoint}"), connectLimit: TimeSpan.FromMilliseconds(200));
        Assert.EndsWith("no connection could be made within 0.2 s.", error.Message, StringComparison.Ordinal);
        Assert.Contains("`switchyard serve`", error.Remedy, StringComparison.Ordinal);

        await using var silent = new OneAnswer(null);
        error = await FailAsync(silent.Uri, lookLimit: TimeSpan.FromMilliseconds(200));
        Assert.EndsWith("took the question and has not answered it within 0.2 s.", error.Message, StringComparison.Ordinal);
        Assert.Contains("/healthz", error.Remedy, StringComparison.Ordinal);
    }

    private static async Task<CliException> FailAsync(Uri uri, bool looks = true, TimeSpan? connectLimit = null, TimeSpan? lookLimit = null)
    {
        using var client = new ApiClient(uri, null, connectLimit, lookLimit);
        var error = await Assert.ThrowsAsync<CliException>(() => looks
            ? client.GetAsync<MigrationStatus>("migrations/shop/status", default)
            : client.PostAsync<MigrationStatus>("migrations/shop/stop", null, default));
        Assert.Equal(ExitCode.Failed, error.ExitCode);
        return error;
    }

    private static async Task<string> GreetingAsync(int port)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        var buffer = new byte[1024];
        return Encoding.Latin1.GetString(buffer, 0, await client.GetStream().ReadAsync(buffer));
    }

    /// <summary>Answers every connection's first request with these bytes and closes it; with nothing at all if there are none.</summary>
    private sealed class OneAnswer : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _serving;

        public OneAnswer(string? answer)
        {
            _listener.Start();
            _serving = ServeAsync(answer);
        }

        public Uri Uri => new($"http://{_listener.LocalEndpoint}");

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _serving;
            _listener.Dispose();
            _stop.Dispose();
        }

        private async Task ServeAsync(string? answer)
        {
            var buffer = new byte[64 * 1024];
            try
            {
                while (true)
                {
                    using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                    var stream = client.GetStream();
                    for (int read; (read = await stream.ReadAsync(buffer, _stop.Token)) > 0 && !Encoding.ASCII.GetString(buffer, 0, read).Contains("\r\n\r\n", StringComparison.Ordinal);)
                    {
                    }

                    if (answer is null)
                    {
                        await Task.Delay(Timeout.Infinite, _stop.Token);
                    }

                    await stream.WriteAsync(Encoding.Latin1.GetBytes(answer!), _stop.Token);
                }
            }
            catch (Exception exception) when (exception is OperationCanceledException or IOException)
            {
                // The test is over.
            }
        }
    }
}
