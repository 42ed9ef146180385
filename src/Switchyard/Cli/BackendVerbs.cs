using System.CommandLine;
using Spectre.Console;
using Switchyard.Api;
using Switchyard.Cli.Rendering;
using Switchyard.Configuration;

namespace Switchyard.Cli;

internal static class BackendVerbs
{
    public static Command Create()
    {
        var backend = new Command("backend", "Servers Switchyard is attached to");
        backend.Subcommands.Add(Add());
        backend.Subcommands.Add(Verb.Create("list", "List the backends", [], async (context, _, ct) =>
        {
            context.Print(await context.Api.GetAsync<IReadOnlyList<BackendInfo>>("backends", ct), OtherText.Backends);
            return ExitCode.Done;
        }));
        backend.Subcommands.Add(Test());
        backend.Subcommands.Add(Move());
        backend.Subcommands.Add(Remove());
        return backend;
    }

    private static Command Add()
    {
        var name = new Argument<string>("NAME") { Description = "What to call it" };
        var dsn = new Argument<string>("DSN")
        {
            Description = "mysql://user:password@host:port/?ssl-mode=...; may be file:PATH or contain ${NAME} for an environment variable, so that the password stays out of the shell's history",
        };
        var standard = new Option<bool>("--default") { Description = "It answers for tables without a routing rule (the first backend does anyway)" };
        return Verb.Create("add", "Attach to a server; it must answer", [name, dsn, standard], async (context, result, ct) =>
        {
            var request = new AddBackendRequest
            {
                Name = result.GetRequiredValue(name),
                Dsn = Resolve(result.GetRequiredValue(dsn)),
                Default = result.GetValue(standard),
            };
            context.Print(await context.Api.PostAsync<BackendReport>("backends", request, ct), OtherText.Backend);
            return ExitCode.Done;
        });
    }

    private static Command Test()
    {
        var name = new Argument<string>("NAME") { Description = "The backend" };
        return Verb.Create("test", "Connect to a backend and say what a migration would miss", [name], async (context, result, ct) =>
        {
            var answer = await context.Api.PostAsync<BackendReport>($"backends/{Uri.EscapeDataString(result.GetRequiredValue(name))}/test", null, ct);
            context.Print(answer, OtherText.Backend);
            return answer.Value.Ok ? ExitCode.Done : ExitCode.Refused;
        });
    }

    private static Command Move()
    {
        var name = new Argument<string>("NAME") { Description = "The backend" };
        var dsn = new Argument<string>("DSN") { Description = "The server that takes its place, usually a replica of it; may be file:PATH or contain ${NAME}" };
        return Verb.Create("move", "Let another server take a backend's place, after a failover", [name, dsn], async (context, result, ct) =>
        {
            var request = new MoveBackendRequest { Dsn = Resolve(result.GetRequiredValue(dsn)) };
            context.Print(await context.Api.PostAsync<BackendReport>($"backends/{Uri.EscapeDataString(result.GetRequiredValue(name))}/move", request, ct), OtherText.Backend);
            return ExitCode.Done;
        });
    }

    private static Command Remove()
    {
        var name = new Argument<string>("NAME") { Description = "The backend" };
        return Verb.Create("remove", "Forget a backend nothing uses, and its password", [name], async (context, result, ct) =>
        {
            var answer = await context.Api.DeleteAsync<Done>($"backends/{Uri.EscapeDataString(result.GetRequiredValue(name))}", ct);
            context.Print(answer, (console, _) => console.WriteLine($"Removed {result.GetRequiredValue(name)}."));
            return ExitCode.Done;
        });
    }

    private static string Resolve(string dsn)
    {
        try
        {
            return SecretReference.Resolve(dsn, Environment.GetEnvironmentVariable);
        }
        catch (ConfigurationException error)
        {
            throw new CliException(ExitCode.Refused, error.Message);
        }
    }
}
