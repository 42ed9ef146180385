using System.CommandLine;
using Switchyard.Cli.Rendering;
using Switchyard.Migration;

namespace Switchyard.Cli;

internal static class CreateVerb
{
    public static Command Create()
    {
        var name = MigrationVerbs.Name();
        var source = new Option<string>("--source") { Description = "The backend that has the data", HelpName = "BACKEND", Required = true };
        var target = new Option<string>("--target") { Description = "The backend it goes to", HelpName = "BACKEND", Required = true };
        var schemas = new SchemaSelections();
        var onDdl = GlobalOptions.Choice<OnDdl>("--on-ddl", "What to do when a migrated table's definition changes (default exec)");
        var defer = new Option<bool>("--defer-secondary-keys") { Description = "Build secondary indexes after the rows", DefaultValueFactory = _ => true };
        var autoStart = new Option<bool>("--auto-start") { Description = "Start copying at once", DefaultValueFactory = _ => true };
        var stopAfterCopy = new Option<bool>("--stop-after-copy") { Description = "Stop when the copy is done" };
        var copyThreads = GlobalOptions.Number("--copy-threads", "Chunks in flight", 1, 64);
        var applyThreads = GlobalOptions.Number("--apply-threads", "Appliers in parallel", 1, 64);
        Symbol[] parameters = [name, source, target, .. schemas.Options, onDdl, defer, autoStart, stopAfterCopy, copyThreads, applyThreads];
        return Verb.Create("create", "Check everything, then begin to copy", parameters, async (context, result, ct) =>
        {
            var request = new CreateMigrationRequest
            {
                Name = result.GetRequiredValue(name),
                Source = result.GetRequiredValue(source),
                Target = result.GetRequiredValue(target),
                OnDdl = result.GetValue(onDdl),
                DeferSecondaryKeys = result.GetValue(defer),
                AutoStart = result.GetValue(autoStart),
                StopAfterCopy = result.GetValue(stopAfterCopy),
                CopyThreads = result.GetValue(copyThreads),
                ApplyThreads = result.GetValue(applyThreads),
            };
            context.Print(await context.Api.PostAsync<MigrationStatus>("migrations", schemas.Fill(request, result), ct), MigrationText.Status);
            return ExitCode.Done;
        });
    }
}
