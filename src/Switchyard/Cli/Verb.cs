using System.CommandLine;
using Spectre.Console;

namespace Switchyard.Cli;

/// <summary>A command that calls the API.</summary>
internal static class Verb
{
    public static Command Create(string name, string description, IEnumerable<Symbol> parameters, Func<CliContext, ParseResult, CancellationToken, Task<int>> run)
    {
        var command = new Command(name, description);
        foreach (var parameter in parameters)
        {
            switch (parameter)
            {
                case Argument argument:
                    command.Arguments.Add(argument);
                    break;
                case Option option:
                    command.Options.Add(option);
                    break;
            }
        }

        command.SetAction(async (result, cancellationToken) =>
        {
            var json = result.GetValue(GlobalOptions.Format) == "json";
            using var context = new CliContext(json, new ApiClient(result.GetRequiredValue(GlobalOptions.Server), result.GetValue(GlobalOptions.Token)));
            try
            {
                return await run(context, result, cancellationToken);
            }
            catch (CliException error)
            {
                return Report(context, error);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                context.Error.WriteLine("Interrupted. What the server was asked to do goes on there; look with: switchyard migration status NAME");
                return ExitCode.Failed;
            }
        });
        return command;
    }

    private static int Report(CliContext context, CliException error)
    {
        if (context.Json)
        {
            CliContext.PrintJson(error.Report is { } report
                ? System.Text.Json.JsonSerializer.SerializeToElement(report with { Error = report.Error ?? error.Message }, Migration.MigrationJson.Options)
                : error.Document ?? ErrorDocument("client_error", error.Message, error.Remedy, error.ExitCode));
        }

        Rendering.ErrorText.Write(context.Error, error);
        return error.ExitCode;
    }

    /// <summary>An error that no server has told.</summary>
    internal static System.Text.Json.JsonElement ErrorDocument(string code, string detail, string remedy, int exitCode) => System.Text.Json.JsonSerializer.SerializeToElement(
        new Dictionary<string, object> { ["code"] = code, ["detail"] = detail, ["remedy"] = remedy, ["exit_code"] = exitCode });
}
