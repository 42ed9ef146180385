using Spectre.Console;
using Switchyard.Api;
using Switchyard.Migration;

namespace Switchyard.Cli.Rendering;

/// <summary>Answers that are a table or a few sentences.</summary>
internal static class OtherText
{
    public static void Backends(IAnsiConsole console, IReadOnlyList<BackendInfo> backends)
    {
        if (backends.Count == 0)
        {
            console.WriteLine("There are no backends. Add one: switchyard backend add NAME mysql://user:password@host:port/");
            return;
        }

        var table = MigrationText.NewTable("NAME", "SERVER", "VERSION", "DEFAULT");
        foreach (var backend in backends)
        {
            table.AddRow(Markup.Escape(backend.Name), Markup.Escape(backend.Dsn), Markup.Escape(backend.Version ?? "not reached yet"), backend.Default ? "yes" : "");
        }

        console.Write(table);
    }

    public static void Backend(IAnsiConsole console, BackendReport report)
    {
        console.MarkupLine($"[bold]{Markup.Escape(report.Name)}[/]  {Markup.Escape(report.Dsn)}");
        if (report.Reachable)
        {
            var vendor = report.Vendor == "mariadb" ? "MariaDB" : "MySQL";
            console.MarkupLine($"{vendor} {Markup.Escape(report.Version ?? "")}, as {Markup.Escape(report.Account ?? "?")}, {(report.TlsCipher is { } cipher ? $"TLS {Markup.Escape(cipher)}" : "not encrypted")}");
            console.MarkupLine($"binary log {(report.LogBin == true ? "on" : "off")}, format {Markup.Escape(report.BinlogFormat ?? "?")}, row image {Markup.Escape(report.BinlogRowImage ?? "?")}"
                + (report.GtidMode is { } gtid ? $", GTID mode {Markup.Escape(gtid)}" : "") + $", server id {report.ServerId}");
        }

        ErrorText.Findings(console, report.Findings);
        if (report.Ok)
        {
            console.MarkupLine(report.Findings.All(finding => finding.Severity == FindingSeverity.Information) ? "[green]Ready.[/]" : "[green]Reachable[/], with the warnings above.");
        }
    }

    public static void Routing(IAnsiConsole console, RoutingInfo routing)
    {
        console.MarkupLine($"epoch {routing.Epoch}; tables without a rule are at [bold]{Markup.Escape(routing.DefaultBackend ?? "no backend")}[/]");
        if (routing.Rules.Count > 0)
        {
            var table = MigrationText.NewTable("TABLE", "WRITES", "READS", "SHARE", "CONSISTENCY", "MIGRATION");
            foreach (var rule in routing.Rules)
            {
                table.AddRow(
                    Markup.Escape($"{rule.Schema}.{rule.Table}"),
                    Markup.Escape(rule.Writes),
                    Markup.Escape(rule.Reads),
                    rule.Writes == rule.Reads ? "" : $"{rule.ReadPercent} %",
                    rule.Writes == rule.Reads ? "" : Markup.Escape(rule.Consistency),
                    Markup.Escape(rule.Migration ?? ""));
            }

            console.Write(table);
        }

        foreach (var gate in routing.Gates.Where(gate => gate.State == "held"))
        {
            console.MarkupLine($"[yellow]Statements on {Markup.Escape(string.Join(", ", gate.Tables))} are held for {Markup.Escape(gate.Migration)} until {gate.Deadline:u} at the latest.[/]");
        }
    }

    public static void Proxies(IAnsiConsole console, IReadOnlyList<ProxyInfo> proxies)
    {
        var table = MigrationText.NewTable("PROXY", "ADDRESS", "SESSIONS", "SINCE");
        foreach (var proxy in proxies)
        {
            table.AddRow(Markup.Escape(proxy.Id), Markup.Escape(proxy.Address), proxy.Sessions?.ToString() ?? "?", $"{proxy.StartedAt:u}");
        }

        console.Write(table);
    }

    public static void Sessions(IAnsiConsole console, IReadOnlyList<SessionInfo> sessions)
    {
        var table = MigrationText.NewTable("ID", "CONNECTION", "USER", "CLIENT", "SCHEMA", "STATE", "FOR", "STATEMENT", "BACKENDS", "PINNED BY");
        foreach (var session in sessions)
        {
            table.AddRow(
                $"{session.Id}",
                $"{session.ConnectionId}",
                Markup.Escape(session.User),
                Markup.Escape(session.Client),
                Markup.Escape(session.Schema ?? ""),
                Markup.Escape(session.State) + (session.InTransaction ? ", in transaction" : ""),
                $"{session.AgeMs / 1000.0:N1} s",
                Markup.Escape(session.Statement ?? ""),
                Markup.Escape(string.Join(", ", session.Backends)),
                Markup.Escape(string.Join(", ", session.Pins)));
        }

        console.Write(table);
        console.WriteLine($"{sessions.Count} sessions");
        foreach (var session in sessions)
        {
            foreach (var refusal in session.Refusals)
            {
                console.WriteLine($"Session {session.Id}: backend '{refusal.Backend}' has not let '{session.User}' in since {refusal.Since:u}: {refusal.Reason}");
            }
        }
    }

    public static void Complete(IAnsiConsole console, CompleteReport report)
    {
        ErrorText.Findings(console, report.Findings);
        console.WriteLine(report.Result == "planned" ? "It would do, in this order:" : "Done, in this order:");
        foreach (var action in report.Actions)
        {
            console.WriteLine($"  {action}");
        }
    }

    public static void Diagnosis(IAnsiConsole console, Diagnosis diagnosis) => Diagnosis(console, diagnosis, "repair would");

    public static void Repair(IAnsiConsole console, Diagnosis diagnosis) => Diagnosis(console, diagnosis, "done");

    private static void Diagnosis(IAnsiConsole console, Diagnosis diagnosis, string next)
    {
        console.MarkupLine($"[{(diagnosis.Healthy ? "green" : "red")}]{Markup.Escape(diagnosis.Summary)}[/]");
        foreach (var observation in diagnosis.Observations)
        {
            console.WriteLine($"  {observation}");
        }

        foreach (var blocker in diagnosis.Blockers)
        {
            console.WriteLine($"  session {blocker.Session} of {blocker.Client}: {blocker.Reason}, {blocker.AgeMs / 1000:N1} s{(blocker.Statement.Length > 0 ? $", {blocker.Statement}" : "")}");
        }

        foreach (var advice in diagnosis.Advice)
        {
            console.MarkupLine($"  [yellow]to do:[/] {Markup.Escape(advice)}");
        }

        foreach (var each in diagnosis.Next)
        {
            console.MarkupLine($"  [yellow]{next}:[/] {Markup.Escape(each)}");
        }
    }

    public static void Accounts(IAnsiConsole console, CopyAccountsReport report)
    {
        var table = MigrationText.NewTable("ACCOUNT", "RESULT", "PASSWORD", "NOTE");
        foreach (var account in report.Accounts)
        {
            table.AddRow(Markup.Escape(account.Account), Markup.Escape(account.Result), Markup.Escape(account.Credential), Markup.Escape(account.Note));
        }

        console.Write(table);
    }
}
