using Switchyard.Hosting;
using Switchyard.Migration;
using Switchyard.Telemetry;

namespace Switchyard.Api;

/// <summary>The verbs of <c>migration</c>. A switch, once asked for, does not end with the caller's connection, only with the process.</summary>
internal static class MigrationEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        var all = api.MapGroup("/migrations").WithTags("migrations");
        all.MapGet("/", (Engines engines, CancellationToken ct) => engines.Migrations.ListAsync(ct));
        all.MapPost("/", async (CreateMigrationRequest request, Engines engines, IHostApplicationLifetime host) =>
        {
            var status = await engines.Migrations.CreateAsync(request, host.ApplicationStopping);
            return TypedResults.Created($"/api/v1/migrations/{Uri.EscapeDataString(status.Name)}", status);
        });
        all.MapPost("/preflight", (CreateMigrationRequest request, Engines engines, CancellationToken ct) => engines.Migrations.PreflightAsync(request, ct));

        var one = all.MapGroup("/{name}");
        one.MapGet("/", (string name, Engines engines, CancellationToken ct) => engines.Migrations.ShowAsync(name, ct));
        one.MapGet("/status", (string name, Engines engines, CancellationToken ct) => engines.Migrations.StatusAsync(name, ct));
        one.MapDelete("/", async (string name, Engines engines, IHostApplicationLifetime host) =>
        {
            await engines.Migrations.DeleteAsync(name, host.ApplicationStopping);
            return new Done("deleted");
        });
        one.MapPost("/preflight", (string name, Engines engines, CancellationToken ct) => engines.Migrations.PreflightAsync(name, ct));
        one.MapPost("/start", (string name, StartRequest? request, Engines engines, IHostApplicationLifetime host) =>
            engines.Migrations.StartAsync(name, request ?? new StartRequest(), host.ApplicationStopping));
        one.MapPost("/stop", (string name, Engines engines, IHostApplicationLifetime host) => engines.Migrations.StopAsync(name, host.ApplicationStopping));
        one.MapPost("/add-table", (string name, AddTablesRequest request, Engines engines, IHostApplicationLifetime host) =>
            engines.Migrations.AddTablesAsync(name, request, host.ApplicationStopping));
        one.MapPost("/throttle", (string name, ThrottleRequest request, Engines engines, IHostApplicationLifetime host) =>
            engines.Migrations.ThrottleAsync(name, request, host.ApplicationStopping));
        one.MapGet("/validate", (string name, Engines engines, CancellationToken ct) => engines.Migrations.ShowValidationAsync(name, ct));
        one.MapPost("/validate", (string name, ValidateRequest request, Engines engines, IHostApplicationLifetime host) =>
            engines.Migrations.ValidateAsync(name, request, host.ApplicationStopping));
        one.MapPost("/switch", async (string name, SwitchRequest request, Engines engines, MigrationMeters meters, IHostApplicationLifetime host) =>
            meters.Record(await engines.Migrations.SwitchAsync(name, request, host.ApplicationStopping), "switch"));
        one.MapPost("/reverse", async (string name, SwitchRequest request, Engines engines, MigrationMeters meters, IHostApplicationLifetime host) =>
            meters.Record(await engines.Migrations.ReverseAsync(name, request, host.ApplicationStopping), "reverse"));
        one.MapPost("/complete", (string name, CompleteRequest request, Engines engines, IHostApplicationLifetime host) =>
            engines.Migrations.CompleteAsync(name, request, host.ApplicationStopping));
        one.MapPost("/detach", (string name, Engines engines, IHostApplicationLifetime host) => engines.Migrations.DetachAsync(name, host.ApplicationStopping));
        one.MapPost("/cancel", (string name, CancelRequest? request, Engines engines, IHostApplicationLifetime host) =>
            engines.Migrations.CancelAsync(name, request ?? new CancelRequest(), host.ApplicationStopping));
        one.MapGet("/diagnose", (string name, Engines engines, CancellationToken ct) => engines.Migrations.DiagnoseAsync(name, ct));
        one.MapPost("/repair", (string name, Engines engines, IHostApplicationLifetime host) => engines.Migrations.RepairAsync(name, host.ApplicationStopping));
        one.MapPost("/accounts/copy", (string name, CopyAccountsRequest request, Engines engines, IHostApplicationLifetime host) =>
            engines.Migrations.CopyAccountsAsync(name, request, host.ApplicationStopping));

        var diff = one.MapGroup("/diff");
        diff.MapGet("/", (string name, Engines engines, CancellationToken ct) => engines.Migrations.ShowDiffAsync(name, ct));
        diff.MapGet("/wait", (string name, Engines engines, CancellationToken ct) => engines.Migrations.WaitDiffAsync(name, ct));
        diff.MapPost("/start", (string name, DiffRequest request, Engines engines, IHostApplicationLifetime host) =>
            engines.Migrations.StartDiffAsync(name, request, host.ApplicationStopping));
        diff.MapPost("/stop", (string name, Engines engines, IHostApplicationLifetime host) => engines.Migrations.StopDiffAsync(name, host.ApplicationStopping));
        diff.MapPost("/resume", (string name, Engines engines, IHostApplicationLifetime host) => engines.Migrations.ResumeDiffAsync(name, host.ApplicationStopping));
        diff.MapPost("/repair", (string name, Engines engines, IHostApplicationLifetime host) => engines.Migrations.RepairDiffAsync(name, host.ApplicationStopping));
    }
}
