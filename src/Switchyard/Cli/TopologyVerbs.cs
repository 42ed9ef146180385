using System.CommandLine;
using Spectre.Console;
using Switchyard.Api;
using Switchyard.Cli.Rendering;

namespace Switchyard.Cli;

internal static class TopologyVerbs
{
    public static IEnumerable<Command> Create()
    {
        var routing = new Command("routing", "Which backend answers for which table");
        routing.Subcommands.Add(Show<RoutingInfo>("show", "Show the routing table and what is held", "routing", OtherText.Routing));
        yield return routing;

        var proxy = new Command("proxy", "Proxies clients connect to");
        proxy.Subcommands.Add(Show<IReadOnlyList<ProxyInfo>>("list", "List the live proxies", "proxies", OtherText.Proxies));
        yield return proxy;

        var session = new Command("session", "Clients' sessions");
        session.Subcommands.Add(Show<IReadOnlyList<SessionInfo>>("list", "List the sessions", "sessions", OtherText.Sessions));
        var id = GlobalOptions.SessionId();
        session.Subcommands.Add(Verb.Create("show", "Show one session", [id], async (context, result, ct) =>
        {
            context.Print(await context.Api.GetAsync<SessionInfo>($"sessions/{result.GetValue(id)}", ct), (console, info) => OtherText.Sessions(console, [info]));
            return ExitCode.Done;
        }));
        session.Subcommands.Add(Verb.Create("kill", "End a session", [id], async (context, result, ct) =>
        {
            context.Print(await context.Api.DeleteAsync<Done>($"sessions/{result.GetValue(id)}", ct), (console, _) => console.WriteLine($"Session {result.GetValue(id)} is ended."));
            return ExitCode.Done;
        }));
        yield return session;
    }

    private static Command Show<T>(string name, string description, string path, Action<IAnsiConsole, T> text) =>
        Verb.Create(name, description, [], async (context, _, ct) =>
        {
            context.Print(await context.Api.GetAsync<T>(path, ct), text);
            return ExitCode.Done;
        });
}
