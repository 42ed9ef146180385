using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>How it ends: done, taken back, or brought to its end in spite of a failure.</summary>
internal sealed partial class Cutover
{
    private async Task<SwitchReport> AfterFlipAsync(CutoverFinish finish)
    {
        var held = (HeldStatements: 0, LongestHoldMs: 0.0);
        try
        {
            var none = CancellationToken.None;
            await StepAsync(CutoverSteps.Release, async token => held = await finish.ReleaseAsync(token), none);
            await StepAsync(CutoverSteps.Unfence, token => finish.UnfenceAsync(_fence, _from, token), none);
            await StepAsync(CutoverSteps.ReverseStream, async token =>
            {
                if (!await finish.StartReverseAsync(_from, _to, token))
                {
                    _findings.Add(NoWayBack());
                }
            }, none);
            await StepAsync(CutoverSteps.Unlock, finish.UnlockAsync, none);
            await _journal.FlushAsync(none);
        }
        catch (Exception e)
        {
            return await ForwardAsync(finish, e) with { HeldStatements = held.HeldStatements, LongestHoldMs = held.LongestHoldMs };
        }

        return Report(Result) with { HeldStatements = held.HeldStatements, LongestHoldMs = held.LongestHoldMs };
    }

    private Finding NoWayBack() => Finding.Warning(
        "way_back_not_running",
        $"The sides are changed, but replication back to '{FromName}' does not run yet{((runtime.Record.Error ?? runtime.Stream?.Status.Error) is { } why ? $": {why}" : ".")}",
        $"`switchyard migration status {runtime.Name}` says what keeps it; until it runs there is no way back.");

    private string Result => _direction.From == Side.Source ? "switched" : "reversed";

    /// <summary>The sides are changed and something after that failed: the rest is done all the same, once more and without the steps' names.</summary>
    private async Task<SwitchReport> ForwardAsync(CutoverFinish finish, Exception error)
    {
        LogForward(environment.Log, runtime.Name, _operation.Id, error);
        try
        {
            await finish.RollForwardAsync(_fence, _from, _to, CancellationToken.None);
            await TryJournalAsync(JournalPhase.Failed, $"{error.Message} The rest was done all the same.");
            return Report(Result);
        }
        catch (Exception again)
        {
            var message = $"The sides are changed and applications run on '{ToName}', but the rest could not be finished: {again.Message}";
            LogForward(environment.Log, runtime.Name, _operation.Id, again);
            await TryJournalAsync(JournalPhase.Failed, message);
            return Report(Result) with { Error = $"{message} Run `switchyard migration repair {runtime.Name}`." };
        }
    }

    private async Task<SwitchReport> EndRehearsalAsync(CutoverFinish finish, string end)
    {
        _pauseMs = environment.Time.GetElapsedTime(_heldAt).TotalMilliseconds;
        await finish.UnfenceAsync(_fence, _from, CancellationToken.None);
        var fence = _fence;
        _fence = null;
        await _gate.AbandonAsync("This was a rehearsal.", CancellationToken.None);
        var held = await finish.ReleaseAsync(CancellationToken.None);
        await finish.RollBackAsync("This was a rehearsal.", fence, _from, _to);
        await _journal.FlushAsync(CancellationToken.None);
        return Report("rehearsed") with { HeldStatements = held.HeldStatements, LongestHoldMs = held.LongestHoldMs, SourcePosition = end };
    }

    private async Task UndoAsync(CutoverFinish finish, Exception error)
    {
        var step = _journal.Step ?? "?";
        LogUndo(environment.Log, runtime.Name, _operation.Id, step, error);
        await TryJournalAsync(JournalPhase.Failed, error.Message);
        var problem = "";
        try
        {
            await finish.RollBackAsync(error.Message, _fence, _from, _to);
            await TryJournalAsync(JournalPhase.Undone, "");
        }
        catch (AggregateException e)
        {
            problem = $" Not everything could be undone: {string.Join(" ", e.InnerExceptions.Select(i => i.Message))}";
            LogUndo(environment.Log, runtime.Name, _operation.Id, step, e);
        }

        if (error is MigrationException known)
        {
            throw known;
        }

        var remedy = (error as CutoverFailedException)?.Remedy
            ?? (error is ServerErrorException { IsOutOfSpace: true } ? FullDisk.Remedy(ToName) : "Resolve the cause and try again.");
        throw new MigrationException(
            "not_switched", $"Not switched, nothing lost: '{FromName}' goes on as before. At '{step}': {error.Message}{problem}",
            problem.Length > 0 ? $"{remedy} Then run `switchyard migration repair {runtime.Name}`." : remedy, 5, error)
        {
            Findings = _findings,
            Report = Report("not_switched") with { Error = error.Message },
        };
    }

    /// <summary>
    /// Everything stays as it is: the tables locked, the old side's events off, the statements held. Whoever opens the store next reads which side it is.
    /// </summary>
    private MigrationException Stay(FlipUndecidedException error)
    {
        LogUndecided(environment.Log, runtime.Name, _operation.Id, error);
        runtime.Keep(_fence!);
        return new MigrationException(
            "undecided",
            $"It is not known whether '{ToName}' became authoritative, and nothing was undone: '{FromName}' stays closed to writers, and what waits is not let go. At '{CutoverSteps.Flip}': {error.Message}",
            "Make the store writable (room on its disk), then restart Switchyard, and not before: it reads what became of it, and brings the switch to its end or takes it back.", 1, error)
        {
            Findings = _findings,
            Report = Report("undecided") with { Error = error.Message },
        };
    }

    private async Task TryJournalAsync(JournalPhase phase, string detail)
    {
        try
        {
            await _journal.WriteAsync(_journal.Step ?? CutoverSteps.Unlock, phase, detail, CancellationToken.None);
        }
        catch (Exception e) when (e is TopologyStoreException or InvalidOperationException)
        {
            LogUndo(environment.Log, runtime.Name, _operation.Id, "journal", e);
        }
    }


    [LoggerMessage(7101, LogLevel.Warning, "{Operation} of migration {Migration} failed at {Step} and is undone")]
    private static partial void LogUndo(ILogger log, string migration, string operation, string step, Exception error);

    [LoggerMessage(7103, LogLevel.Critical, "The store failed while {Operation} of migration {Migration} changed sides; which side is authoritative is not known until it is read again")]
    private static partial void LogUndecided(ILogger log, string migration, string operation, Exception error);

    [LoggerMessage(7102, LogLevel.Error, "{Operation} of migration {Migration} changed sides and failed afterwards")]
    private static partial void LogForward(ILogger log, string migration, string operation, Exception error);
}
