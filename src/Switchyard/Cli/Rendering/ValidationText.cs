using Spectre.Console;
using Spectre.Console.Rendering;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.Cli.Rendering;

/// <summary>Data-router mode for people.</summary>
internal static class ValidationText
{
    /// <summary>The lines of a status.</summary>
    public static IEnumerable<IRenderable> Lines(ValidationStatus validation)
    {
        var routed = validation.Routed;
        var fellBack = routed.FellBackByLag + routed.FellBackByError + routed.FellBackByConnection;
        if (validation.On || routed.OnTarget > 0)
        {
            yield return new Markup($"validate {(validation.On ? $"{validation.Percent} % of sessions, {validation.Consistency.ToString().ToLowerInvariant()}" : "off")}: "
                + $"{routed.OnTarget:N0} reads on the target, {routed.Waited:N0} waited, {fellBack:N0} went to the source instead"
                + (fellBack > 0 ? $" ({routed.FellBackByLag:N0} lag, {routed.FellBackByError:N0} error, {routed.FellBackByConnection:N0} no connection)" : ""));
        }

        if (validation.Summary is { } summary)
        {
            var color = validation.Compared.Different > 0 ? "red" : "green";
            yield return new Markup($"shadow   [{color}]{Markup.Escape(summary)}[/]" + (validation.Shadow > 0 ? $", {validation.Shadow} % of reads" : ""));
        }
        else if (validation.Shadow > 0)
        {
            yield return new Markup($"shadow   {validation.Shadow} % of reads, none compared yet");
        }

        foreach (var shape in validation.Compared.Shapes.Where(shape => shape.Different > 0))
        {
            yield return new Markup($"         [red]{shape.Different:N0} differ ({Markup.Escape(shape.Samples[0].Kind)}; {Markup.Escape(shape.Samples[0].Detail)})[/] {Markup.Escape(shape.Shape)}");
        }
    }

    /// <summary>All there is, by statement.</summary>
    public static void Details(IAnsiConsole console, ValidationStatus validation)
    {
        foreach (var line in Lines(validation with { Compared = validation.Compared with { Shapes = [] } }))
        {
            console.Write(line);
            console.WriteLine();
        }

        Reasons(console, "not comparable", validation.Compared.NotComparable);
        Reasons(console, "not run", validation.Compared.NotRun);
        if (validation.Compared.Shapes.Length == 0)
        {
            console.WriteLine("No read has been compared. Begin: switchyard migration validate NAME --shadow 10");
            return;
        }

        var table = MigrationText.NewTable("COMPARED", "DIFFER", "OPEN", "P99 SOURCE", "P99 TARGET", "STATEMENT");
        foreach (var shape in validation.Compared.Shapes)
        {
            table.AddRow(
                $"{shape.Compared:N0}", shape.Different > 0 ? $"[red]{shape.Different:N0}[/]" : "0", $"{shape.NotComparable:N0}",
                Ms(shape.SourceP99), Ms(shape.TargetP99), Markup.Escape(shape.Shape));
        }

        console.Write(table);
        foreach (var shape in validation.Compared.Shapes)
        {
            Samples(console, shape);
        }
    }

    private static void Samples(IAnsiConsole console, ShadowShape shape)
    {
        if (shape.Samples.Length > 0)
        {
            console.MarkupLine($"[red]{Markup.Escape(shape.Shape)}[/]");
        }

        foreach (var sample in shape.Samples)
        {
            console.WriteLine($"  {sample.At:u} {sample.Kind}: {sample.Detail}"
                + (sample.FirstRow is { } row ? $"; first at row {row:N0}" : "")
                + (sample.Columns.Length > 0 ? $"; {string.Join(", ", sample.Columns)}" : ""));
        }

        if (shape.Types is { } types)
        {
            console.WriteLine($"  types of {shape.TypesDiffer:N0} answers: {types} ({shape.Shape})");
        }
    }

    private static void Reasons(IAnsiConsole console, string what, IEnumerable<KeyValuePair<string, long>> counts)
    {
        foreach (var (reason, count) in counts)
        {
            console.WriteLine($"{count:N0} {what}: {reason}");
        }
    }

    private static string Ms(double seconds) => seconds > 0 ? $"{seconds * 1000:N1} ms" : "–";
}
