using Spectre.Console;
using Switchyard.Migration;

namespace Switchyard.Cli.Rendering;

/// <summary>Failures and findings as sentences.</summary>
internal static class ErrorText
{
    public static void Write(IAnsiConsole console, CliException error)
    {
        var errors = error.Findings.Count(finding => finding.Severity == FindingSeverity.Error);
        if (error.Report is { } report)
        {
            SwitchText.Write(console, report);
        }

        if (errors > 1)
        {
            console.MarkupLine("[red]Refused; nothing was changed.[/]");
            Findings(console, error.Findings.Where(finding => finding.Severity != FindingSeverity.Information));
            return;
        }

        console.MarkupLine($"[red]{Markup.Escape(error.Message)}[/]");
        if (error.Remedy.Length > 0)
        {
            console.WriteLine(error.Remedy);
        }
    }

    public static void Findings(IAnsiConsole console, IEnumerable<Finding> findings)
    {
        foreach (var finding in findings.OrderByDescending(finding => finding.Severity))
        {
            var mark = finding.Severity switch
            {
                FindingSeverity.Error => "[red]error[/]  ",
                FindingSeverity.Warning => "[yellow]warning[/]",
                _ => "[grey]note[/]   ",
            };
            console.MarkupLine($"{mark}  {Markup.Escape(finding.What)}");
            if (finding.Remedy.Length > 0)
            {
                console.MarkupLine($"         [grey]{Markup.Escape(finding.Remedy)}[/]");
            }
        }
    }
}
