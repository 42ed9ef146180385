using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Switchyard.Migration;
using Switchyard.WebConsole.Actions;
using Switchyard.WebConsole.Components;
using Switchyard.WebConsole.Live;
using Switchyard.WebConsole.Models;

namespace Switchyard.WebConsole;

/// <summary>Pages, their live insides, confirmations and actions.</summary>
internal static class ConsoleEndpoints
{
    /// <summary>A header a page of another origin cannot send without being asked for leave, which is never given.</summary>
    private const string OwnHeader = "X-Switchyard-Console";

    private const string Policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        var console = endpoints.MapGroup("").ExcludeFromDescription();
        console.MapGet("/", Page("overview"));
        console.MapGet("/migrations/{name}", (HttpContext context, string name) => PageAsync(context, "migration", name));
        console.MapGet("/routing", Page("routing"));
        console.MapGet("/proxies", Page("proxies"));
        console.MapGet("/events", Page("events"));
        console.MapGet("/console/live/{page}", Live);
        console.MapGet("/console/actions/{name}/{action}", ConfirmAsync);
        console.MapPost("/console/actions/{name}/{action}", RunAsync);
        console.MapPost("/console/sessions/{id:long}/kill", KillAsync);
        console.MapGet(ConsoleExtensions.SignInPath, (Delegate)SignInPageAsync);
        console.MapPost(ConsoleExtensions.SignInPath, (Delegate)SignInAsync);
        console.MapGet("/console/{asset}", Asset);
        console.MapGet("/favicon.ico", () => Results.Redirect(EmbeddedAssets.Url("favicon.svg")));
    }

    private static Delegate Page(string page) => (HttpContext context) => PageAsync(context, page, null);

    private static void Guard(HttpResponse response)
    {
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "no-store";
        response.Headers["Referrer-Policy"] = "same-origin";
    }

    private static async Task<IResult> SignInPageAsync(HttpContext context, PageRenderer renderer, string? to = null)
    {
        Guard(context.Response);
        var given = context.Request.Cookies.ContainsKey(ConsoleExtensions.TokenCookie);
        return Html("<!DOCTYPE html>\n" + await renderer.RenderAsync<SignIn>((nameof(SignIn.To), Inside(to)), (nameof(SignIn.Wrong), given)));
    }

    private static async Task<IResult> SignInAsync(HttpContext context)
    {
        if (!context.Request.HasFormContentType)
        {
            return Results.BadRequest();
        }

        var form = await context.Request.ReadFormAsync(context.RequestAborted);
        context.Response.Cookies.Append(ConsoleExtensions.TokenCookie, form["token"].ToString().Trim(), new CookieOptions
        {
            HttpOnly = true,
            IsEssential = true,
            SameSite = SameSiteMode.Strict,
            Secure = context.Request.IsHttps,
        });
        return Results.LocalRedirect(Inside(form["to"]));
    }

    /// <summary>A path of ours, whatever was asked for.</summary>
    private static string Inside(string? to) => to is ['/', not ('/' or '\\'), ..] && !to.Contains('\\', StringComparison.Ordinal) ? to : "/";

    private static async Task<IResult> PageAsync(HttpContext context, string page, string? name)
    {
        Guard(context.Response);
        var status = 200;
        string body;
        try
        {
            body = await BodyAsync(context.RequestServices, page, name, context.RequestAborted);
        }
        catch (MigrationException e)
        {
            status = e.ExitCode == 4 ? 404 : 503;
            body = await context.RequestServices.GetRequiredService<PageRenderer>().RenderAsync<Problem>((nameof(Problem.Message), e.Message), (nameof(Problem.Remedy), e.Remedy));
        }

        var html = await context.RequestServices.GetRequiredService<PageRenderer>().RenderAsync<Document>(
            (nameof(Document.Page), page), (nameof(Document.Name), name), (nameof(Document.Body), body));
        return Results.Content("<!DOCTYPE html>\n" + html, "text/html; charset=utf-8", statusCode: status);
    }

    private static async Task<string> BodyAsync(IServiceProvider services, string page, string? name, CancellationToken cancellationToken)
    {
        var reader = services.GetRequiredService<PageReader>();
        var renderer = services.GetRequiredService<PageRenderer>();
        const string Model = "Model";
        return page switch
        {
            "overview" => await renderer.RenderAsync<OverviewPage>((Model, await reader.OverviewAsync(cancellationToken))),
            "migration" => await renderer.RenderAsync<MigrationPage>((Model, await reader.MigrationAsync(name ?? "", cancellationToken))),
            "routing" => await renderer.RenderAsync<RoutingPage>((Model, reader.Routing())),
            "proxies" => await renderer.RenderAsync<ProxiesPage>((Model, reader.Proxies())),
            _ => await renderer.RenderAsync<EventsPage>((Model, reader.Events())),
        };
    }

    private static IResult Live(HttpContext context, string page, IHostApplicationLifetime host, LivePages live, string? name = null)
    {
        // The end of the process must not wait for open pages.
        var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, host.ApplicationStopping);
        context.Response.RegisterForDispose(either);
        var services = context.RequestServices;
        return TypedResults.ServerSentEvents(live.FollowAsync(cancellationToken => LiveBodyAsync(services, page, name, cancellationToken), either.Token));
    }

    private static async Task<string> LiveBodyAsync(IServiceProvider services, string page, string? name, CancellationToken cancellationToken)
    {
        try
        {
            return await BodyAsync(services, page, name, cancellationToken);
        }
        catch (MigrationException e)
        {
            return await services.GetRequiredService<PageRenderer>().RenderAsync<Problem>((nameof(Problem.Message), e.Message), (nameof(Problem.Remedy), e.Remedy));
        }
    }

    private static async Task<IResult> ConfirmAsync(string name, string action, MigrationAccess migrations, PageRenderer renderer, CancellationToken cancellationToken)
    {
        if (ActionCatalog.Find(action) is not { } found)
        {
            return Results.NotFound();
        }

        try
        {
            var status = await migrations.Current.StatusAsync(name, cancellationToken);
            return Html(await renderer.RenderAsync<Confirmation>((nameof(Confirmation.Action), found), (nameof(Confirmation.Status), status)));
        }
        catch (MigrationException e)
        {
            return Html(await renderer.RenderAsync<Outcome>((nameof(Outcome.Result), Failed(e))));
        }
    }

    private static async Task<IResult> RunAsync(HttpContext context, string name, string action, PageRenderer renderer, IHostApplicationLifetime host)
    {
        if (!context.Request.Headers.ContainsKey(OwnHeader))
        {
            return Results.StatusCode((int)HttpStatusCode.Forbidden);
        }

        if (ActionCatalog.Find(action) is not { } found)
        {
            return Results.NotFound();
        }

        ActionResult result;
        try
        {
            var form = context.Request.HasFormContentType ? await context.Request.ReadFormAsync(context.RequestAborted) : FormCollection.Empty;
            var migrations = context.RequestServices.GetRequiredService<MigrationAccess>().Current;
            var status = await migrations.StatusAsync(name, host.ApplicationStopping);
            if (found.TypeName && form["name"] != name)
            {
                throw new MigrationException("usage", "The name does not match.", $"Type '{name}'.", 2);
            }

            result = await found.Run(new ActionContext(migrations, status, form, host.ApplicationStopping));
        }
        catch (MigrationException e)
        {
            result = Failed(e);
        }

        return Html(await renderer.RenderAsync<Outcome>((nameof(Outcome.Result), result)));
    }

    private static ActionResult Failed(MigrationException e) => new()
    {
        Ok = false,
        Title = e.ExitCode switch { 3 => "Refused; nothing was changed.", 5 => "Not switched; nothing is lost.", _ => "It failed." },
        Lines = e.Findings.Count == 0 ? [e.Message] : [],
        Remedy = e.Findings.Count == 0 ? e.Remedy : "",
        Findings = e.Findings,
        Report = e.Report,
    };

    private static async Task<IResult> KillAsync(HttpContext context, long id, IHostApplicationLifetime host)
    {
        if (!context.Request.Headers.ContainsKey(OwnHeader))
        {
            return Results.StatusCode((int)HttpStatusCode.Forbidden);
        }

        var sessions = context.RequestServices.GetService<IConsoleSessions>();
        return sessions is not null && await sessions.KillAsync(id, host.ApplicationStopping) ? Results.NoContent() : Results.NotFound();
    }

    private static IResult Asset(HttpContext context, string asset)
    {
        if (EmbeddedAssets.Find(asset) is not { } found)
        {
            return Results.NotFound();
        }

        context.Response.Headers.CacheControl = context.Request.Query.ContainsKey("v") ? "public, max-age=31536000, immutable" : "no-cache";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        return Results.Bytes(found.Content, found.ContentType);
    }

    private static IResult Html(string html) => Results.Content(html, "text/html; charset=utf-8");
}
