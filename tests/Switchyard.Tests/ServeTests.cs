using System.Net;
using System.Text;
using System.Text.Json;
using Switchyard.Hosting;
using Switchyard.Topology;

namespace Switchyard.Tests;

public sealed class ServeTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-serve-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Without_a_backend_it_serves_and_says_that_there_is_none()
    {
        await using var serve = await RunningServe.StartAsync(_directory);
        var routing = JsonSerializer.Deserialize<JsonElement>(await serve.Http.GetStringAsync("/api/v1/routing"));
        Assert.Equal(JsonValueKind.Null, routing.GetProperty("default_backend").ValueKind);
        Assert.Equal("[]", await serve.Http.GetStringAsync("/api/v1/backends"));
        Assert.Equal("[]", await serve.Http.GetStringAsync("/api/v1/migrations"));
        Assert.Contains("dotnet_", await serve.Http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_api_document_has_every_verb()
    {
        await using var serve = await RunningServe.StartAsync(_directory);
        using var document = JsonDocument.Parse(await serve.Http.GetStringAsync("/openapi/v1.json"));
        var paths = document.RootElement.GetProperty("paths").EnumerateObject().Select(path => path.Name).ToList();
        foreach (var verb in new[] { "status", "preflight", "start", "stop", "validate", "switch", "reverse", "complete", "detach", "cancel", "diagnose", "repair", "accounts/copy", "diff/start" })
        {
            Assert.Contains($"/api/v1/migrations/{{name}}/{verb}", paths);
        }
    }

    [Theory]
    [InlineData("GET", "/api/v1/nothing", null, 404, "no_such_endpoint", 4)]
    [InlineData("POST", "/api/v1/backends/none/test", null, 404, "no_such_backend", 4)]
    [InlineData("DELETE", "/api/v1/backends/none", null, 404, "no_such_backend", 4)]
    [InlineData("GET", "/api/v1/sessions/99999999", null, 404, "no_such_session", 4)]
    [InlineData("GET", "/api/v1/migrations/none/status", null, 404, "no_such_migration", 4)]
    [InlineData("POST", "/api/v1/backends", "{\"name\":\"a\"", 400, "bad_json", 2)]
    [InlineData("POST", "/api/v1/backends", "{\"name\":\"a\"}", 400, "bad_json", 2)]
    [InlineData("POST", "/api/v1/backends", "{\"name\":\"a b\",\"dsn\":\"mysql://h/\"}", 400, "bad_backend_name", 2)]
    [InlineData("POST", "/api/v1/backends", "{\"name\":\"a\",\"dsn\":\"http://h/\"}", 409, "bad_dsn", 3)]
    [InlineData("POST", "/api/v1/backends", "{\"name\":\"a\",\"dsn\":\"mysql://u:s3cret@127.0.0.1:1/\"}", 409, "backend_unreachable", 3)]
    public async Task Every_error_is_a_problem_document_with_code_sentence_and_exit_code(string method, string path, string? body, int status, string code, int exitCode)
    {
        await using var serve = await RunningServe.StartAsync(_directory);
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await serve.Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        var problem = JsonSerializer.Deserialize<JsonElement>(text);

        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.Equal(exitCode, problem.GetProperty("exit_code").GetInt32());
        Assert.NotEmpty(problem.GetProperty("detail").GetString()!);
        Assert.DoesNotContain("s3cret", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_a_token_nobody_is_answered_without_it()
    {
        await using var serve = await RunningServe.StartAsync(_directory, settings => settings with { ApiToken = "right" });
        Assert.Equal(HttpStatusCode.Unauthorized, (await serve.Http.GetAsync("/api/v1/routing")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await serve.Http.GetAsync("/metrics")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await serve.Http.GetAsync("/healthz")).StatusCode);
        using var wrong = serve.Client("wrong");
        var error = await Assert.ThrowsAsync<Cli.CliException>(() => wrong.GetAsync<JsonElement>("routing", default));
        Assert.Equal(3, error.ExitCode);
        using var right = serve.Client("right");
        Assert.Equal(0, (await right.GetAsync<JsonElement>("routing", default)).Value.GetProperty("epoch").GetInt64());
    }

    [Theory]
    [InlineData("Origin", "http://evil.example")]
    [InlineData("Origin", "null")]
    [InlineData("Host", "evil.example")]
    public async Task A_web_page_of_another_origin_cannot_call(string header, string value)
    {
        await using var serve = await RunningServe.StartAsync(_directory);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/routing");
        request.Headers.TryAddWithoutValidation(header, value);
        using var answer = await serve.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Fact]
    public async Task A_second_serve_on_the_same_store_or_port_is_refused_with_a_sentence()
    {
        await using var serve = await RunningServe.StartAsync(_directory);
        var store = await Assert.ThrowsAsync<TopologyStoreException>(() => RunningServe.StartAsync(_directory));
        Assert.Contains("in use by another Switchyard process", store.Message, StringComparison.Ordinal);
        var other = Directory.CreateTempSubdirectory("switchyard-serve-");
        var port = await Assert.ThrowsAsync<ListenException>(() => ServeHost.RunAsync(
            serve.Settings with { DataDirectory = other.FullName, ProxyListen = new IPEndPoint(IPAddress.Loopback, 0) }, default));
        Assert.Contains("--api-listen", port.Message, StringComparison.Ordinal);
        other.Delete(recursive: true);
    }

    [Fact]
    public async Task A_backend_that_is_down_does_not_keep_it_from_starting()
    {
        var backend = KeyValuePair.Create("down", "mysql://u:s3cret@127.0.0.1:1/");
        await using var serve = await RunningServe.StartAsync(_directory, settings => settings with { Backends = [backend] });
        var text = await serve.Http.GetStringAsync("/api/v1/backends");
        Assert.Contains("mysql://u:***@127.0.0.1:1/", text, StringComparison.Ordinal);
        Assert.Contains("\"default\":true", text, StringComparison.Ordinal);
    }
}
