using Switchyard.Backends;
using Switchyard.Hosting;
using Switchyard.Topology;

namespace Switchyard.Api;

/// <summary>Backends, routing, proxies and sessions.</summary>
internal static class TopologyEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        var backends = api.MapGroup("/backends").WithTags("backends");
        backends.MapGet("/", (BackendService service, CancellationToken ct) => service.ListAsync(ct));
        backends.MapPost("/", async (AddBackendRequest request, BackendService service, CancellationToken ct) =>
            TypedResults.Created($"/api/v1/backends/{request.Name}", await service.AddAsync(request, ct)));
        backends.MapPost("/{name}/test", (string name, BackendService service, CancellationToken ct) => service.TestAsync(name, ct));
        backends.MapPost("/{name}/move", (string name, MoveBackendRequest request, BackendService service, CancellationToken ct) => service.MoveAsync(name, request, ct));
        backends.MapDelete("/{name}", async (string name, BackendService service, CancellationToken ct) =>
        {
            await service.RemoveAsync(name, ct);
            return new Done("removed");
        });

        api.MapGet("/routing", (TopologyView view) => Routing(view.Current)).WithTags("routing");
        api.MapGet("/proxies", (TopologyView view, ISessionDirectory sessions) => Proxies(view.Current, sessions)).WithTags("proxies");

        var clients = api.MapGroup("/sessions").WithTags("sessions");
        clients.MapGet("/", (ISessionDirectory sessions) => sessions.List());
        clients.MapGet("/{id:long}", (long id, ISessionDirectory sessions) => sessions.Find(id) ?? throw SessionErrors.NotFound(id));
        clients.MapDelete("/{id:long}", async (long id, ISessionDirectory sessions, CancellationToken ct) =>
            await sessions.KillAsync(id, ct) ? new Done("killed") : throw SessionErrors.NotFound(id));
    }

    private static RoutingInfo Routing(TopologyState state) => new(
        state.Routing.Epoch,
        state.Routing.DefaultBackend,
        state.Routing.IgnoreCase,
        [.. state.Routing.Rules.Select(rule => new RoutingRuleInfo(
            rule.Schema, rule.Table ?? "*", rule.Writer, rule.Reader, rule.ReadPercent, Word(rule.Consistency), rule.Migration))],
        [.. state.Gates.Values.Select(gate => gate.Value).OrderBy(gate => gate.Id, StringComparer.Ordinal).Select(gate => new GateInfo(
            gate.Id, gate.Migration, Word(gate.State), gate.Epoch, gate.Deadline, [.. gate.Scopes.Select(scope => scope.ToString())]))]);

    private static List<ProxyInfo> Proxies(TopologyState state, ISessionDirectory sessions) =>
        [.. state.Proxies.Values.OrderBy(proxy => proxy.Id, StringComparer.Ordinal).Select(proxy => new ProxyInfo(
            proxy.Id, proxy.Address, proxy.StartedAt, proxy.Id == sessions.ProxyId ? sessions.Count : null))];

    private static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();
}
