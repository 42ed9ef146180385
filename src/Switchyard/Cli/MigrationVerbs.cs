using System.CommandLine;
using Spectre.Console;
using Switchyard.Api;
using Switchyard.Cli.Rendering;
using Switchyard.Migration;

namespace Switchyard.Cli;

internal static class MigrationVerbs
{
    public static Command Create()
    {
        var migration = new Command("migration", "Move schemas from one backend to another");
        migration.Subcommands.Add(CreateVerb.Create());
        migration.Subcommands.Add(Verb.Create("list", "List the migrations", [], async (context, _, ct) =>
        {
            context.Print(await context.Api.GetAsync<IReadOnlyList<MigrationSummary>>("migrations", ct), MigrationText.List);
            return ExitCode.Done;
        }));
        migration.Subcommands.Add(Get<MigrationDetails>("show", "Show settings and journal", "", MigrationText.Details));
        migration.Subcommands.Add(StatusVerb.Create());
        migration.Subcommands.Add(Preflight());
        migration.Subcommands.Add(Start());
        migration.Subcommands.Add(Post<MigrationStatus>("stop", "Stop copying and streaming; routing stays as it is", "stop", MigrationText.Status));
        migration.Subcommands.Add(AddTable());
        migration.Subcommands.Add(ThrottleVerb.Create());
        migration.Subcommands.Add(Delete());
        migration.Subcommands.Add(DiffVerb.Create());
        migration.Subcommands.Add(Validate());
        migration.Subcommands.Add(SwitchVerbs.Create("switch", "Make the target authoritative, holding statements for well under a second"));
        migration.Subcommands.Add(SwitchVerbs.Create("reverse", "Make the source authoritative again, the same way"));
        migration.Subcommands.Add(SwitchVerbs.Complete());
        migration.Subcommands.Add(Post<MigrationStatus>("detach", "Delete the connection details of the source of a completed migration", "detach", MigrationText.Status));
        migration.Subcommands.Add(Cancel());
        migration.Subcommands.Add(Get<Diagnosis>("diagnose", "Say what is held, by whom, since when, and what repair would do", "diagnose", OtherText.Diagnosis));
        migration.Subcommands.Add(Post<Diagnosis>("repair", "Roll what is half done back or forward", "repair", OtherText.Repair));
        migration.Subcommands.Add(Accounts());
        return migration;
    }

    public static Argument<string> Name() => new("NAME") { Description = "The migration" };

    public static string Path(string name, string verb) => verb.Length == 0 ? $"migrations/{Uri.EscapeDataString(name)}" : $"migrations/{Uri.EscapeDataString(name)}/{verb}";

    private static Command Get<T>(string verb, string description, string path, Action<IAnsiConsole, T> text)
    {
        var name = Name();
        return Verb.Create(verb, description, [name], async (context, result, ct) =>
        {
            context.Print(await context.Api.GetAsync<T>(Path(result.GetRequiredValue(name), path), ct), text);
            return ExitCode.Done;
        });
    }

    private static Command Post<T>(string verb, string description, string path, Action<IAnsiConsole, T> text)
    {
        var name = Name();
        return Verb.Create(verb, description, [name], async (context, result, ct) =>
        {
            context.Print(await context.Api.PostAsync<T>(Path(result.GetRequiredValue(name), path), null, ct), text);
            return ExitCode.Done;
        });
    }

    private static Command Start()
    {
        var name = Name();
        var onDdl = GlobalOptions.Choice<OnDdl>("--on-ddl", "What to do from now on when a migrated table's definition changes (default as before)");
        return Verb.Create("start", "Start, or go on after a stop or an error", [name, onDdl], async (context, result, ct) =>
        {
            var request = new StartRequest { OnDdl = result.GetResult(onDdl) is null ? null : result.GetValue(onDdl) };
            context.Print(await context.Api.PostAsync<MigrationStatus>(Path(result.GetRequiredValue(name), "start"), request, ct), MigrationText.Status);
            return ExitCode.Done;
        });
    }

    private static Command AddTable()
    {
        var name = Name();
        var tables = new Argument<string[]>("TABLE") { Description = "schema.table, or the table alone where only one schema moves", Arity = ArgumentArity.OneOrMore };
        return Verb.Create("add-table", "Take a table that was made since into the migration, which copies it beside the others", [name, tables], async (context, result, ct) =>
        {
            var request = new AddTablesRequest { Tables = [.. result.GetRequiredValue(tables).SelectMany(GlobalOptions.Split)] };
            context.Print(await context.Api.PostAsync<MigrationStatus>(Path(result.GetRequiredValue(name), "add-table"), request, ct), MigrationText.Status);
            return ExitCode.Done;
        });
    }

    private static Command Preflight()
    {
        var name = Name();
        return Verb.Create("preflight", "Check everything again; exit code 3 when something stands in the way", [name], async (context, result, ct) =>
        {
            var answer = await context.Api.PostAsync<PreflightReport>(Path(result.GetRequiredValue(name), "preflight"), null, ct);
            context.Print(answer, MigrationText.Preflight);
            return answer.Value.Ok ? ExitCode.Done : ExitCode.Refused;
        });
    }

    private static Command Cancel()
    {
        var name = Name();
        var abandon = new Option<bool>("--abandon-source") { Description = "The source is gone for good: end without it, and keep what was copied; refused while it answers" };
        return Verb.Create("cancel", "Take the migration back while the source is authoritative", [name, abandon], async (context, result, ct) =>
        {
            var request = new CancelRequest { AbandonSource = result.GetValue(abandon) };
            context.Print(await context.Api.PostAsync<MigrationStatus>(Path(result.GetRequiredValue(name), "cancel"), request, ct), MigrationText.Status);
            return ExitCode.Done;
        });
    }

    private static Command Delete()
    {
        var name = Name();
        return Verb.Create("delete", "Forget a migration that is created, completed or cancelled", [name], async (context, result, ct) =>
        {
            var answer = await context.Api.DeleteAsync<Done>(Path(result.GetRequiredValue(name), ""), ct);
            context.Print(answer, (console, _) => console.WriteLine($"Deleted {result.GetRequiredValue(name)}."));
            return ExitCode.Done;
        });
    }

    private static Command Validate()
    {
        var name = Name();
        var percent = GlobalOptions.Number("--percent", "Share of the sessions whose reads go to the target (default 100; 0 with --shadow to compare only)", 0, 100);
        var shadow = GlobalOptions.Number("--shadow", "Share of the reads run again on both sides and compared (default 0)", 0, 100);
        var consistency = GlobalOptions.Choice<ReadGuarantee>("--consistency", "What a read on the target must have seen (default global)");
        var off = new Option<bool>("--off") { Description = "Send all reads to the source again" };
        var show = new Option<bool>("--show") { Description = "Print what the compared reads have shown, by statement; change nothing" };
        return Verb.Create("validate", "Let the target serve reads while the source takes the writes", [name, percent, shadow, consistency, off, show], async (context, result, ct) =>
        {
            if (result.GetValue(show))
            {
                context.Print(await context.Api.GetAsync<ValidationStatus>(Path(result.GetRequiredValue(name), "validate"), ct), ValidationText.Details);
                return ExitCode.Done;
            }

            var request = new ValidateRequest
            {
                Off = result.GetValue(off),
                Percent = result.GetValue(percent) ?? 100,
                Shadow = result.GetValue(shadow) ?? 0,
                Consistency = result.GetValue(consistency),
            };
            context.Print(await context.Api.PostAsync<MigrationStatus>(Path(result.GetRequiredValue(name), "validate"), request, ct), MigrationText.Status);
            return ExitCode.Done;
        });
    }

    private static Command Accounts()
    {
        var accounts = new Command("accounts", "The application's accounts");
        var name = Name();
        var only = GlobalOptions.Names("--accounts", "Only these, as user@host; default every account with rights on the migrated schemas");
        var dryRun = new Option<bool>("--dry-run") { Description = "Print what would be done only" };
        accounts.Subcommands.Add(Verb.Create("copy", "Create the application's accounts on the target", [name, only, dryRun], async (context, result, ct) =>
        {
            var request = new CopyAccountsRequest { Accounts = result.GetValue(only), DryRun = result.GetValue(dryRun) };
            var answer = await context.Api.PostAsync<CopyAccountsReport>(Path(result.GetRequiredValue(name), "accounts/copy"), request, ct);
            context.Print(answer, OtherText.Accounts);
            return ExitCode.Done;
        }));
        return accounts;
    }
}
