using Switchyard.Migration;
using Switchyard.Telemetry;

namespace Switchyard.Api;

/// <summary>The verbs of <c>migration</c>. A switch, once asked for, does not end with the caller's connection, only with the process.</summary>
internal static class MigrationEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        var all = api.MapGroup("/migrations").WithTags("migrations");
        all.MapGet("/", (IMigrationService service, CancellationToken ct) => service.ListAsync(ct));
        all.MapPost("/", async (CreateMigrationRequest request, IMigrationService service, IHostApplicationLifetime host) =>
        {
            var status = await service.CreateAsync(request, host.ApplicationStopping);
            return TypedResults.Created($"/api/v1/migrations/{Uri.EscapeDataString(status.Name)}", status);
        });
        all.MapPost("/preflight", (CreateMigrationRequest request, IMigrationService service, CancellationToken ct) => service.PreflightAsync(request, ct));

        var one = all.MapGroup("/{name}");
        one.MapGet("/", (string name, IMigrationService service, CancellationToken ct) => service.ShowAsync(name, ct));
        one.MapGet("/status", (string name, IMigrationService service, CancellationToken ct) => service.StatusAsync(name, ct));
        one.MapDelete("/", async (string name, IMigrationService service, IHostApplicationLifetime host) =>
        {
            await service.DeleteAsync(name, host.ApplicationStopping);
            return new Done("deleted");
        });
        one.MapPost("/preflight", (string name, IMigrationService service, CancellationToken ct) => service.PreflightAsync(name, ct));
        one.MapPost("/start", (string name, IMigrationService service, IHostApplicationLifetime host) => service.StartAsync(name, host.ApplicationStopping));
        one.MapPost("/stop", (string name, IMigrationService service, IHostApplicationLifetime host) => service.StopAsync(name, host.ApplicationStopping));
        one.MapPost("/validate", (string name, ValidateRequest request, IMigrationService service, IHostApplicationLifetime host) =>
            service.ValidateAsync(name, request, host.ApplicationStopping));
        one.MapPost("/switch", async (string name, SwitchRequest request, IMigrationService service, MigrationMeters meters, IHostApplicationLifetime host) =>
            meters.Record(await service.SwitchAsync(name, request, host.ApplicationStopping), "switch"));
        one.MapPost("/reverse", async (string name, SwitchRequest request, IMigrationService service, MigrationMeters meters, IHostApplicationLifetime host) =>
            meters.Record(await service.ReverseAsync(name, request, host.ApplicationStopping), "reverse"));
        one.MapPost("/complete", (string name, CompleteRequest request, IMigrationService service, IHostApplicationLifetime host) =>
            service.CompleteAsync(name, request, host.ApplicationStopping));
        one.MapPost("/detach", (string name, IMigrationService service, IHostApplicationLifetime host) => service.DetachAsync(name, host.ApplicationStopping));
        one.MapPost("/cancel", (string name, IMigrationService service, IHostApplicationLifetime host) => service.CancelAsync(name, host.ApplicationStopping));
        one.MapGet("/diagnose", (string name, IMigrationService service, CancellationToken ct) => service.DiagnoseAsync(name, ct));
        one.MapPost("/repair", (string name, IMigrationService service, IHostApplicationLifetime host) => service.RepairAsync(name, host.ApplicationStopping));
        one.MapPost("/accounts/copy", (string name, CopyAccountsRequest request, IMigrationService service, IHostApplicationLifetime host) =>
            service.CopyAccountsAsync(name, request, host.ApplicationStopping));

        var diff = one.MapGroup("/diff");
        diff.MapGet("/", (string name, IMigrationService service, CancellationToken ct) => service.ShowDiffAsync(name, ct));
        diff.MapGet("/wait", (string name, IMigrationService service, CancellationToken ct) => service.WaitDiffAsync(name, ct));
        diff.MapPost("/start", (string name, DiffRequest request, IMigrationService service, IHostApplicationLifetime host) =>
            service.StartDiffAsync(name, request, host.ApplicationStopping));
        diff.MapPost("/stop", (string name, IMigrationService service, IHostApplicationLifetime host) => service.StopDiffAsync(name, host.ApplicationStopping));
        diff.MapPost("/resume", (string name, IMigrationService service, IHostApplicationLifetime host) => service.ResumeDiffAsync(name, host.ApplicationStopping));
        diff.MapPost("/repair", (string name, IMigrationService service, IHostApplicationLifetime host) => service.RepairDiffAsync(name, host.ApplicationStopping));
    }
}
