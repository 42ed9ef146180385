using System.Net;
using System.Security.Cryptography;
using System.Text;
using Switchyard.WebConsole;

namespace Switchyard.Api;

/// <summary>
/// Who may call. With a token, every caller but the health probes must show it. Without one we listen on loopback only, and a web page open in
/// the operator's browser must not be able to call us: foreign origins and host names are refused.
/// </summary>
internal sealed class AccessMiddleware(RequestDelegate next, string? token)
{
    public const string CookieName = ConsoleExtensions.TokenCookie;

    public Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Path.StartsWithSegments("/healthz") || context.Request.Path.StartsWithSegments("/readyz"))
        {
            return next(context);
        }

        if (IsForeignOrigin(context.Request))
        {
            return ProblemMiddleware.WriteAsync(context, ApiProblem.Of(
                403, "foreign_origin", "The request comes from a web page of another origin.", "Call from the console itself or from a program.", 3));
        }

        if (token is null)
        {
            return IsLoopbackHost(context.Request.Host.Host)
                ? next(context)
                : ProblemMiddleware.WriteAsync(context, ApiProblem.Of(
                    403, "foreign_host", $"The request names the host '{context.Request.Host.Host}'.", "Use 127.0.0.1 or localhost, or set api.token.", 3));
        }

        if (HasToken(context.Request, token) || ConsoleExtensions.IsOpen(context.Request.Path))
        {
            return next(context);
        }

        if (HttpMethods.IsGet(context.Request.Method) && context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.Ordinal))
        {
            context.Response.Redirect($"{ConsoleExtensions.SignInPath}?to={Uri.EscapeDataString(context.Request.Path)}");
            return Task.CompletedTask;
        }

        return ProblemMiddleware.WriteAsync(context, ApiProblem.Of(
            401, "token_required", "The token is missing or wrong.", "Give it with --token, in SWITCHYARD_TOKEN, or as 'Authorization: Bearer TOKEN'.", 3));
    }

    private static bool IsForeignOrigin(HttpRequest request) =>
        request.Headers.Origin is [{ Length: > 0 } origin]
        && !(Uri.TryCreate(origin, UriKind.Absolute, out var uri) && string.Equals(uri.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase));

    private static bool IsLoopbackHost(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static bool HasToken(HttpRequest request, string token)
    {
        const string Scheme = "Bearer ";
        var header = request.Headers.Authorization.ToString();
        var given = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? header[Scheme.Length..].Trim() : request.Cookies[CookieName];
        return given is not null && CryptographicOperations.FixedTimeEquals(Hash(given), Hash(token));
    }

    /// <summary>Hashes have one length, so that comparing tells nothing about the token's.</summary>
    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
