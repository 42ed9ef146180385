using Switchyard.Hosting;
using Switchyard.Migration;

namespace Switchyard.Api;

/// <summary>Turns what endpoints throw, and empty error answers of the framework, into problem documents.</summary>
internal sealed class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (Exception error) when (!context.Response.HasStarted)
        {
            var problem = ApiProblem.From(error);
            if (error is MigrationException expected)
            {
                ServeLog.VerbRefused(logger, context.Request.Method, context.Request.Path, expected.Code);
            }
            else if (problem.Status >= 500 && error is not OperationCanceledException)
            {
                ServeLog.RequestFailed(logger, context.Request.Method, context.Request.Path, error);
            }

            context.Response.Clear();
            await WriteAsync(context, problem);
            return;
        }

        if (context.Response is { HasStarted: false, StatusCode: 404 or 405, ContentLength: null or 0, ContentType: null }
            && context.Request.Path.StartsWithSegments("/api"))
        {
            await WriteAsync(context, ApiProblem.Of(
                context.Response.StatusCode,
                "no_such_endpoint",
                $"The API has no {context.Request.Method} {context.Request.Path}.",
                "See /openapi/v1.json; the client may be of another version than the server.",
                4));
        }
    }

    public static Task WriteAsync(HttpContext context, Microsoft.AspNetCore.Mvc.ProblemDetails problem)
    {
        context.Response.StatusCode = problem.Status ?? 500;
        return context.Response.WriteAsJsonAsync(problem, MigrationJson.Options, ApiProblem.ContentType, CancellationToken.None);
    }
}
