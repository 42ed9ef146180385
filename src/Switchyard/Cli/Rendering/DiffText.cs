using Spectre.Console;
using Switchyard.Migration;

namespace Switchyard.Cli.Rendering;

internal static class DiffText
{
    public static void Write(IAnsiConsole console, DiffReport report)
    {
        if (report.State == "none")
        {
            console.WriteLine("The two sides were not compared yet. Begin: switchyard migration diff NAME start --wait");
            return;
        }

        var table = MigrationText.NewTable("TABLE", "STATE", "ROWS", "MISSING", "EXTRA", "DIFFERENT");
        var (shown, rest) = MigrationText.Foremost(report.Tables, MigrationText.MostTables, line => line.Missing + line.Extra + line.Different > 0 ? 0 : line.State switch { "comparing" => 1, "waiting" => 2, _ => 3 });
        foreach (var line in shown)
        {
            table.AddRow(Markup.Escape(line.Name), Markup.Escape(line.State), $"{line.Rows:N0}", $"{line.Missing:N0}", $"{line.Extra:N0}", $"{line.Different:N0}");
        }

        console.Write(new Rows([table, .. MigrationText.Rest(rest.Select(line => line.State))]));
        foreach (var (name, sample) in report.Tables.SelectMany(line => line.Samples.Select(sample => (line.Name, sample))))
        {
            console.MarkupLine($"[red]{Markup.Escape(sample.Kind)}[/] {Markup.Escape(name)} ({Markup.Escape(sample.Key)}) {Markup.Escape(string.Join(", ", sample.Columns))}");
            for (var i = 0; i < Math.Min(sample.Source?.Count ?? 0, sample.Target?.Count ?? 0); i++)
            {
                console.WriteLine($"  {sample.Columns[i]}: {sample.Source![i] ?? "NULL"} | {sample.Target![i] ?? "NULL"}");
            }
        }

        console.MarkupLine(MigrationText.DiffLine(report.Summary));
    }
}
