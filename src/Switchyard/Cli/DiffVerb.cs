using System.CommandLine;
using Switchyard.Cli.Rendering;
using Switchyard.Migration;

namespace Switchyard.Cli;

internal static class DiffVerb
{
    public static Command Create()
    {
        var name = MigrationVerbs.Name();
        var action = new Argument<string>("ACTION") { Description = "start, show, stop, resume or repair", HelpName = "start|show|stop|resume|repair", DefaultValueFactory = _ => "show" };
        action.AcceptOnlyFromAmong("start", "show", "stop", "resume", "repair");
        var wait = new Option<bool>("--wait") { Description = "Wait until it has ended; exit code 1 when rows differ, or it was stopped" };
        var tables = GlobalOptions.Names("--tables", "Only these tables");
        var showValues = new Option<bool>("--show-values") { Description = "Keep differing values in the report, not only keys and columns" };
        return Verb.Create("diff", "Compare every row of both sides, while they are in use", [name, action, wait, tables, showValues], async (context, result, ct) =>
        {
            var migration = result.GetRequiredValue(name);
            var path = MigrationVerbs.Path(migration, "diff");
            var answer = result.GetValue(action) switch
            {
                "start" => await context.Api.PostAsync<DiffReport>(
                    path + "/start", new DiffRequest { Tables = result.GetValue(tables), ShowValues = result.GetValue(showValues) }, ct),
                "show" => await context.Api.GetAsync<DiffReport>(path, ct),
                var other => await context.Api.PostAsync<DiffReport>($"{path}/{other}", null, ct),
            };
            if (result.GetValue(wait) && answer.Value.State == "running")
            {
                answer = await Progress.WaitAsync(
                    context,
                    $"diff of {migration}",
                    () => context.Api.WaitAsync<DiffReport>(path + "/wait", ct),
                    async () =>
                    {
                        var now = (await context.Api.GetAsync<DiffReport>(path, ct)).Value.Summary;
                        return (now.Progress, $"{now.Rows:N0} rows, {now.Differences:N0} differences");
                    });
            }

            context.Print(answer, DiffText.Write);
            return answer.Value.State is "differences" or "failed" || (answer.Value.State == "stopped" && result.GetValue(wait)) ? ExitCode.Failed : ExitCode.Done;
        });
    }
}
