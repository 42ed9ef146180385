using Spectre.Console;
using Switchyard.Migration;

namespace Switchyard.Cli.Rendering;

internal static class SwitchText
{
    public static void Write(IAnsiConsole console, SwitchReport report)
    {
        ErrorText.Findings(console, report.Findings.Where(finding => finding.Severity != FindingSeverity.Information));
        if (report.Plan.Count > 0)
        {
            console.WriteLine("It would do, in this order:");
            for (var i = 0; i < report.Plan.Count; i++)
            {
                console.WriteLine($"  {i + 1}. {report.Plan[i]}");
            }

            return;
        }

        var table = new Table().Border(TableBorder.None).HideHeaders().AddColumn("step").AddColumn(new TableColumn("ms").RightAligned());
        foreach (var step in report.Steps)
        {
            table.AddRow(Markup.Escape(step.Name), $"{step.Ms:N1} ms");
        }

        console.Write(table);
        if (report.Result == "not_switched")
        {
            return;
        }

        var held = report.HeldStatements == 0 ? "no statement had to wait" : $"{report.HeldStatements:N0} statements waited, the longest {report.LongestHoldMs:N0} ms";
        console.MarkupLine($"[green]{Sentence(report.Result)}[/] The pause took [bold]{report.PauseMs:N0} ms[/]; {held}.");
        if (report.TargetPosition is { } back)
        {
            console.MarkupLine($"[grey]Replication back begins at {Markup.Escape(back)}; routing epoch {report.Epoch}.[/]");
        }

        if (report.Error is { } left)
        {
            console.MarkupLine($"[red]{Markup.Escape(left)}[/]");
        }
    }

    private static string Sentence(string result) => result switch
    {
        "switched" => "Switched.",
        "reversed" => "Reversed.",
        "rehearsed" => "Rehearsed; traffic stays where it was.",
        _ => result + ".",
    };
}
