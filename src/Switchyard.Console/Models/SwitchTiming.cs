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
/// <param name="PauseMs">As the switch itself reports it: from the hold to the flip, of a rehearsal to the end of what it rehearsed, milliseconds; null when it did not come to both.</param>
/// <param name="TotalMs">All steps together, milliseconds.</param>
/// <param name="Outcome"><c>done</c>, <c>rehearsed</c>, <c>planned</c>, <c>rolled back</c>, <c>refused</c> or <c>under way</c>.</param>
/// <param name="Steps">In order.</param>
public sealed record SwitchTiming(string Operation, DateTimeOffset At, double? PauseMs, double TotalMs, string Outcome, IReadOnlyList<StepBar> Steps)
{
    private static readonly string[] s_pause = ["hold", "fence", "catch-up", "handover", "prime-reverse", "flip"];

    /// <summary>The operations of a journal that move traffic or rehearse it, latest first.</summary>
    /// <param name="journal">Oldest first.</param>
    /// <param name="busy">An operation is under way: the latest one, if it has not ended.</param>
    public static IReadOnlyList<SwitchTiming> Read(IReadOnlyList<JournalLine> journal, bool busy)
    {
        var operations = journal.GroupBy(line => line.Operation).Where(operation => IsSwitch(operation.Key)).ToList();
        return [.. operations.Select((operation, i) => Read(operation.Key, [.. operation], busy && i == operations.Count - 1)).OrderByDescending(timing => timing.At)];
    }

    private static bool IsSwitch(string operation) =>
        operation.StartsWith("switch", StringComparison.Ordinal) || operation.StartsWith("reverse", StringComparison.Ordinal) || IsRehearsal(operation);

    private static bool IsRehearsal(string operation) => operation.StartsWith("rehearse", StringComparison.Ordinal);

    private static SwitchTiming Read(string operation, IReadOnlyList<JournalLine> lines, bool busy)
    {
        var steps = new List<StepBar>();
        DateTimeOffset? hold = null;
        DateTimeOffset? released = null;
        foreach (var begun in lines.Where(line => line.Event == "begun"))
        {
            hold = begun.Step == "hold" ? begun.At : hold;
            var end = lines.FirstOrDefault(line => line.Step == begun.Step && line.Event != "begun" && line.At >= begun.At);
            released = begun.Step == "flip" || IsRehearsal(operation) ? end?.At ?? begun.At : released;
            var ms = end is null ? 0 : (end.At - begun.At).TotalMilliseconds;
            steps.Add(new StepBar(begun.Step, ms, s_pause.Contains(begun.Step), end?.Event ?? (busy ? "begun" : "done")));
        }

        var pause = hold is { } from && released is { } to && to > from ? (to - from).TotalMilliseconds : (double?)null;
        return new SwitchTiming(operation, lines[0].At, pause, steps.Sum(step => step.Ms), OutcomeOf(operation, lines, steps, busy), steps);
    }

    private static string OutcomeOf(string operation, IReadOnlyList<JournalLine> lines, List<StepBar> steps, bool busy)
    {
        var ended = steps.Exists(step => step.Name == "unlock" && step.Outcome != "begun");
        return lines.Any(line => line.Event == "undone") ? "rolled back"
            : lines.Any(line => line.Event == "failed") ? "refused"
            : busy && !ended ? "under way"
            : IsRehearsal(operation) ? "rehearsed"
            : steps.Exists(step => step.Name == "flip") ? "done" : "planned";
    }
}
