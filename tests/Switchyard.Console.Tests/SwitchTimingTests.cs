using Switchyard.Migration;
using Switchyard.WebConsole.Models;

namespace Switchyard.WebConsole.Tests;

public sealed class SwitchTimingTests
{
    private static readonly DateTimeOffset s_now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void The_pause_of_a_switch_lasts_from_the_hold_to_the_flip()
    {
        var timing = Assert.Single(SwitchTiming.Read(Samples.Journal("switch-0001", s_now, Samples.SwitchSteps), busy: false));
        Assert.Equal("done", timing.Outcome);
        Assert.Equal(64, timing.PauseMs!.Value, 3);
        Assert.Equal(650, timing.TotalMs, 3);
        Assert.Equal(["hold", "fence", "catch-up", "handover", "prime-reverse", "flip"], timing.Steps.Where(s => s.InPause).Select(s => s.Name));
    }

    [Fact]
    public void A_rehearsal_has_a_pause_and_changes_no_side()
    {
        var timing = Assert.Single(SwitchTiming.Read(Samples.Journal("rehearse-0001", s_now, Samples.SwitchSteps[..6]), busy: false));
        Assert.Equal("rehearsed", timing.Outcome);
        Assert.Equal(46, timing.PauseMs!.Value, 3);
    }

    [Fact]
    public void What_a_dry_run_looked_at_is_no_switch()
    {
        var timing = Assert.Single(SwitchTiming.Read(Samples.Journal("switch-0001", s_now, Samples.SwitchSteps[..1]), busy: false));
        Assert.Equal("planned", timing.Outcome);
        Assert.Null(timing.PauseMs);
    }

    [Fact]
    public void Only_the_latest_operation_can_be_under_way()
    {
        var journal = Samples.Journal("switch-0001", s_now, Samples.SwitchSteps).Concat(Samples.Journal("reverse-0002", s_now.AddMinutes(1), Samples.SwitchSteps[..5])).SkipLast(1).ToList();
        var timings = SwitchTiming.Read(journal, busy: true);
        Assert.Equal(["reverse-0002", "switch-0001"], timings.Select(t => t.Operation));
        Assert.Equal(["under way", "done"], timings.Select(t => t.Outcome));
        Assert.Equal("begun", timings[0].Steps[^1].Outcome);
    }

    [Fact]
    public void A_failure_before_the_flip_is_rolled_back_and_a_refusal_is_refused()
    {
        var failed = Samples.Journal("switch-0001", s_now, Samples.SwitchSteps[..4]).ToList();
        failed.Add(new JournalLine(s_now.AddSeconds(9), "switch-0001", "hold", "failed", "Sessions did not let go."));
        Assert.Equal("refused", SwitchTiming.Read(failed, busy: false)[0].Outcome);
        failed.Add(new JournalLine(s_now.AddSeconds(10), "switch-0001", "unlock", "undone", ""));
        Assert.Equal("rolled back", SwitchTiming.Read(failed, busy: false)[0].Outcome);
    }

    [Fact]
    public void Other_operations_are_not_switches() => Assert.Empty(SwitchTiming.Read(Samples.Journal("complete-0004", s_now, ("unlock", 3)), busy: false));
}
