using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Switchyard.Migration;

namespace Switchyard.Cli;

/// <summary>Calls a running Switchyard. Answers are kept as the JSON they came as; problems become <see cref="CliException"/>.</summary>
internal sealed class ApiClient : IDisposable
{
    private static readonly TimeSpan s_connectLimit = TimeSpan.FromSeconds(5);

    /// <summary>What only looks is answered from memory, or by database servers that are asked for a few seconds at most.</summary>
    private static readonly TimeSpan s_lookLimit = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http;
    private readonly Uri _server;
    private readonly TimeSpan _connectLimit;
    private readonly TimeSpan _lookLimit;

    public ApiClient(Uri server, string? token, TimeSpan? connectLimit = null, TimeSpan? lookLimit = null)
    {
        _server = server;
        _connectLimit = connectLimit ?? s_connectLimit;
        _lookLimit = lookLimit ?? s_lookLimit;
        _http = new HttpClient(new SocketsHttpHandler { ConnectTimeout = _connectLimit, UseProxy = false })
        {
            BaseAddress = new Uri(server, "/api/v1/"),

            // A switch or a diff takes as long as it takes; the server has the limits.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (!string.IsNullOrWhiteSpace(token))
        {
            // Read from a file it ends with its line.
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.Trim());
        }
    }

    private string Address => _server.GetLeftPart(UriPartial.Authority);

    /// <summary>Looks at something.</summary>
    public async Task<Answer<T>> GetAsync<T>(string path, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_lookLimit);
        try
        {
            return await WaitAsync<T>(path, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CliException(
                ExitCode.Failed,
                $"Switchyard at {Address} took the question and has not answered it within {_lookLimit.TotalSeconds:0.###} s.",
                $"Look at its log and at the load of its machine; {Address}/healthz answers as long as the process does.");
        }
    }

    /// <summary>As <see cref="GetAsync"/>, of what is answered when something has ended.</summary>
    public Task<Answer<T>> WaitAsync<T>(string path, CancellationToken cancellationToken) => SendAsync<T>(HttpMethod.Get, path, null, cancellationToken);

    public Task<Answer<T>> PostAsync<T>(string path, object? body, CancellationToken cancellationToken) => SendAsync<T>(HttpMethod.Post, path, body, cancellationToken);

    public Task<Answer<T>> DeleteAsync<T>(string path, CancellationToken cancellationToken) => SendAsync<T>(HttpMethod.Delete, path, null, cancellationToken);

    public void Dispose() => _http.Dispose();

    private async Task<Answer<T>> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
        {
            request.Content = JsonContent.Create(body, body.GetType(), options: MigrationJson.Options);
        }

        try
        {
            using var response = await _http.SendAsync(request, cancellationToken);
            var text = await response.Content.ReadAsStringAsync(cancellationToken);
            return response.IsSuccessStatusCode ? Read<T>(text) : throw Problem(response, text);
        }
        catch (OperationCanceledException error) when (error.InnerException is TimeoutException && !cancellationToken.IsCancellationRequested)
        {
            throw Unanswered($"no connection could be made within {_connectLimit.TotalSeconds:0.###} s");
        }
        catch (HttpRequestException error) when (error.HttpRequestError is HttpRequestError.InvalidResponse)
        {
            throw new CliException(
                ExitCode.Failed,
                $"What answers at {Address} is not Switchyard's API: it does not speak HTTP.",
                "Give the API's address with --server, as `serve` has it in --api-listen (4380 by default); not the proxy's, and no database server's.");
        }
        catch (HttpRequestException error) when (error.HttpRequestError is HttpRequestError.SecureConnectionError)
        {
            throw new CliException(
                ExitCode.Failed,
                $"TLS could not be agreed with what answers at {Address}: {(error.InnerException ?? error).Message.TrimEnd('.')}.",
                "Switchyard's API speaks HTTP without TLS: write --server http://… unless a TLS proxy stands in front of it, whose certificate this machine has to trust.");
        }
        catch (HttpRequestException error) when (method != HttpMethod.Get && MayHaveArrived(error))
        {
            throw new CliException(
                ExitCode.Failed,
                $"Switchyard at {Address} ended, or was cut off, before it had answered: what was asked for may be done, half done or not begun.",
                "Start it again if it does not run: what is half done is then taken back or brought to its end by itself. `switchyard migration status NAME` says where it stands.");
        }
        catch (HttpRequestException error)
        {
            throw Unanswered(error.Message.TrimEnd('.'));
        }
    }

    private CliException Unanswered(string why) => new(
        ExitCode.Failed, $"Switchyard does not answer at {Address}: {why}.", "Start it with `switchyard serve`, or say where it runs with --server URL or SWITCHYARD_SERVER.");

    /// <summary>Whether what was asked for can have been sent before it failed.</summary>
    private static bool MayHaveArrived(HttpRequestException error) =>
        error.HttpRequestError is HttpRequestError.ResponseEnded or HttpRequestError.HttpProtocolError or HttpRequestError.Unknown;

    private static Answer<T> Read<T>(string text)
    {
        try
        {
            var json = JsonSerializer.Deserialize<JsonElement>(text);
            return new Answer<T>(json, json.Deserialize<T>(MigrationJson.Options)!);
        }
        catch (JsonException error)
        {
            throw new CliException(ExitCode.Failed, $"The server's answer cannot be read: {error.Message}", "The client and the server may be of different versions, or --server may not be the address of Switchyard's API.");
        }
    }

    private static CliException Problem(HttpResponseMessage response, string text)
    {
        try
        {
            var json = JsonSerializer.Deserialize<JsonElement>(text);
            var problem = json.Deserialize<ProblemDocument>(MigrationJson.Options);
            if (problem?.Detail is { } detail)
            {
                return new CliException(problem.ExitCode ?? ExitCode.Failed, detail, problem.Remedy ?? "")
                {
                    Document = json,
                    Findings = problem.Findings ?? [],
                    Report = problem.Report,
                };
            }
        }
        catch (JsonException)
        {
            // Something else than Switchyard answered.
        }

        return new CliException(
            ExitCode.Failed, $"The server answered {(int)response.StatusCode} {response.ReasonPhrase} without saying why.", "Check that --server is the address of Switchyard's API.");
    }

    private sealed record ProblemDocument(string? Detail, string? Code, string? Remedy, int? ExitCode, IReadOnlyList<Finding>? Findings, SwitchReport? Report);
}

/// <summary>An answer as JSON, to be printed as it came, and as the type it is.</summary>
internal sealed record Answer<T>(JsonElement Json, T Value);
