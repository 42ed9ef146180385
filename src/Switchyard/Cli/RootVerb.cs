using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Switchyard.Cli;

/// <summary>The whole command line.</summary>
internal static class RootVerb
{
    private const string Description = "Moves a live MySQL or MariaDB database to another server, with no downtime and a way back.";

    private const string Examples = """

        A move, from start to end:
          switchyard serve --backend old=mysql://admin:pw@db1:3306/ --backend new=mysql://admin:pw@db2:3306/
          switchyard migration create shop --source old --target new --schema shop
          switchyard migration status shop --watch
          switchyard migration accounts copy shop
          switchyard migration diff shop start --wait
          switchyard migration switch shop          (and reverse shop, as often as you like)
          switchyard migration complete shop

        Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a check and nothing changed,
                    4 no such thing, 5 not switched, rolled back, nothing lost.
        """;

    public static async Task<int> RunAsync(string[] args)
    {
        var root = Create();
        var result = root.Parse(args);
        if (result.Errors.Count > 0 && result.Action is not HelpWithExamples)
        {
            foreach (var error in result.Errors)
            {
                await Console.Error.WriteLineAsync(error.Message);
            }

            var help = $"See: {Path(result.CommandResult)} --help";
            await Console.Error.WriteLineAsync(help);
            if (AsksForJson(args))
            {
                CliContext.PrintJson(Verb.ErrorDocument("usage", string.Join(" ", result.Errors.Select(error => error.Message)), help, ExitCode.Usage));
            }

            return ExitCode.Usage;
        }

        // The host of `serve` handles signals itself: there a stop takes as long as running statements need.
        var termination = result.CommandResult.Command.Name == "serve" ? (TimeSpan?)null : TimeSpan.FromSeconds(2);
        return await result.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = termination, EnableDefaultExceptionHandler = false });
    }

    public static RootCommand Create()
    {
        var root = new RootCommand(Description);
        GlobalOptions.AddTo(root);
        root.Subcommands.Add(ServeVerb.Create());
        root.Subcommands.Add(BackendVerbs.Create());
        root.Subcommands.Add(MigrationVerbs.Create());
        foreach (var command in TopologyVerbs.Create())
        {
            root.Subcommands.Add(command);
        }

        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!, root);
        return root;
    }

    /// <summary>Of a line that cannot be parsed, or not wholly.</summary>
    private static bool AsksForJson(string[] args) =>
        args.Contains($"{GlobalOptions.Format.Name}=json") || args.Contains($"{GlobalOptions.Format.Name}:json") || args.Zip(args.Skip(1)).Contains((GlobalOptions.Format.Name, "json"));

    private static string Path(System.CommandLine.Parsing.CommandResult command) =>
        command.Parent is System.CommandLine.Parsing.CommandResult parent ? $"{Path(parent)} {command.Command.Name}" : "switchyard";

    private sealed class HelpWithExamples(HelpAction inner, RootCommand root) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            var code = inner.Invoke(parseResult);
            if (parseResult.CommandResult.Command == root)
            {
                parseResult.InvocationConfiguration.Output.WriteLine(Examples);
            }

            return code;
        }
    }
}
