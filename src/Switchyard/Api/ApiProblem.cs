using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Switchyard.Client;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.Api;

/// <summary>
/// Problem documents (RFC 9457) with our members: <c>code</c> (stable), <c>detail</c> (what happened), <c>remedy</c> (what to do),
/// <c>exit_code</c> (what the command line ends with), <c>findings</c> and <c>report</c> when there are any.
/// </summary>
internal static class ApiProblem
{
    public const string ContentType = "application/problem+json";

    public static ProblemDetails Of(MigrationException error)
    {
        var problem = Of(Status(error.ExitCode), error.Code, error.Message, error.Remedy, error.ExitCode);
        if (error.Findings.Count > 0)
        {
            problem.Extensions["findings"] = error.Findings;
        }

        if (error.Report is { } report)
        {
            problem.Extensions["report"] = report;
        }

        return problem;
    }

    public static ProblemDetails Of(int status, string code, string detail, string remedy, int exitCode) => new()
    {
        Type = $"urn:switchyard:problem:{code}",
        Title = code.Replace('_', ' '),
        Status = status,
        Detail = detail,
        Extensions = { ["code"] = code, ["remedy"] = remedy, ["exit_code"] = exitCode },
    };

    /// <summary>Every error an endpoint may throw, as a problem. What is nobody's fault but ours says where to look.</summary>
    public static ProblemDetails From(Exception error) => error switch
    {
        MigrationException ours => Of(ours),
        BadHttpRequestException { InnerException: JsonException json } => Of(
            400, "bad_json", $"The request's JSON does not fit: {json.Message}", "See /openapi/v1.json for the shape.", 2),
        BadHttpRequestException bad => Of(bad.StatusCode, "bad_request", bad.Message, "See /openapi/v1.json for the shape.", 2),
        BackendUnavailableException server => Of(503, "backend_unavailable", server.Message, "Look at that server and the network to it, then try again.", 1),
        TopologyStoreException store => Of(503, "store_failed", store.Message, "Look at the server's log; start it again once the cause is gone.", 1),
        OperationCanceledException => Of(503, "shutting_down", "Switchyard is shutting down, or the caller went away.", "Ask again when it runs.", 1),
        _ => Of(500, "internal_error", "Switchyard met an error it did not expect.", "The server's log has the details; please report them.", 1),
    };

    private static int Status(int exitCode) => exitCode switch
    {
        2 => StatusCodes.Status400BadRequest,
        3 or 5 => StatusCodes.Status409Conflict,
        4 => StatusCodes.Status404NotFound,
        _ => StatusCodes.Status500InternalServerError,
    };
}
