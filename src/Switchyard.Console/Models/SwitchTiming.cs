using Switchyard.Migration;

namespace Switchyard.WebConsole.Models;

/// <summary>One step of a switch as the journal tells it.</summary>
/// <param name="Name">The step.</param>
/// <param name="Ms">Its own time, milliseconds.</param>
/// <param name="InPause">The application's statements wait during it.</param>
/// <param name="Outcome"><c>done</c>, <c>failed</c>, <c>undone</c> or <c>begun</c>.</param>
public sealed record StepBar(string Name, double Ms, bool InPause, string Outcome);

/// <summary>A switch, reverse or rehearsal put together from its journal.</summary>
/// <param name="Operation">For example <c>switch-0003</c>.</param>
/// <param name="At">When it began, UTC.</param>
/// <param name="PauseMs">From the hold to the release, milliseconds; null when it did not come to both.</param>
/// <param name="TotalMs">All steps together, milliseconds.</param>
/// <param name="Outcome"><c>done</c>, <c>rolled back</c>, <c>refused</c> or <c>under way</c>.</param>
/// <param name="Steps">In order.</param>
public sealed record SwitchTiming(string Operation, DateTimeOffset At, double? PauseMs, double TotalMs, string Outcome, IReadOnlyList<StepBar> Steps)
{
    private static readonly string[] s_pause = ["hold", "fence", "catch-up", "handover", "prime-reverse", "flip", "release"];

    /// <summary>The operations of a journal that move traffic or rehearse it, latest first.</summary>
    public static IReadOnlyList<SwitchTiming> Read(IReadOnlyList<JournalLine> journal) =>
        [.. journal.GroupBy(line => line.Operation).Where(operation => operation.Key.StartsWith("switch", StringComparison.Ordinal)
            || operation.Key.StartsWith("reverse", StringComparison.Ordinal) || operation.Key.StartsWith("rehearse", StringComparison.Ordinal))
            .Select(operation => Read(operation.Key, [.. operation])).OrderByDescending(timing => timing.At)];

    private static SwitchTiming Read(string operation, IReadOnlyList<JournalLine> lines)
    {
        var steps = new List<StepBar>();
        DateTimeOffset? hold = null;
        DateTimeOffset? release = null;
        foreach (var begun in lines.Where(line => line.Event == "begun"))
        {
            hold = begun.Step == "hold" ? begun.At : hold;
            var end = lines.FirstOrDefault(line => line.Step == begun.Step && line.Event != "begun" && line.At >= begun.At);
            release = begun.Step == "release" && end is not null ? end.At : release;
            var ms = end is null ? 0 : (end.At - begun.At).TotalMilliseconds;
            steps.Add(new StepBar(begun.Step, ms, s_pause.Contains(begun.Step), end?.Event ?? "begun"));
        }

        var undone = lines.Any(line => line.Event == "undone");
        var outcome = undone ? "rolled back"
            : lines.Any(line => line.Event == "failed") ? "refused"
            : steps.Any(step => step.Outcome == "begun") ? "under way" : "done";
        return new SwitchTiming(
            operation, lines[0].At, hold is { } from && release is { } to ? (to - from).TotalMilliseconds : null, steps.Sum(step => step.Ms), outcome, steps);
    }
}
