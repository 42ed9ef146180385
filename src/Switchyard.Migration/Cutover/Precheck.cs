using Switchyard.Replication.Source;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>Everything that speaks against a switch, all at once.</summary>
internal sealed class Precheck(MigrationEnvironment environment, MigrationRuntime runtime)
{
    private static readonly HashSet<string> s_saidAbove = new(StringComparer.Ordinal) { "reverse_binlog_off", "reverse_binlog_format", "reverse_binlog_row_image" };

    private static readonly TimeSpan s_betweenLooks = TimeSpan.FromMilliseconds(100);

    private readonly ServerSteps _steps = new(environment, runtime.Record.Settings);

    public async Task<List<Finding>> RunAsync(
        SwitchRequest request, DiffReport? diff, IServerSide from, IServerSide to, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        try
        {
            await CheckAsync(request, diff, from, to, findings, cancellationToken);
        }
        catch (CutoverFailedException e)
        {
            findings.Add(Finding.Error("server_silent", e.Message, e.Remedy));
        }

        return findings;
    }

    private async Task CheckAsync(SwitchRequest request, DiffReport? diff, IServerSide from, IServerSide to, List<Finding> findings, CancellationToken cancellationToken)
    {
        var record = runtime.Record;
        await runtime.WaitForStreamAsync(environment.Options.ConnectLimit, cancellationToken);
        CheckStream(record, request, findings);
        if (!request.SkipDiff && !request.Rehearse)
        {
            CheckDiff(record, diff, findings);
        }

        if (await AskAsync(record.Direction.To, "take a small write", token => to.ProbeWriteAsync(environment.Options.WriteLimit, token), cancellationToken) is { } refusal)
        {
            // Such a server answers little else, and nothing else matters before it does.
            var name = record.Backend(record.Direction.To);
            findings.Add(Finding.Error(refusal.IsFull ? "target_full" : "target_stuck", $"'{name}' {refusal.What}.", refusal.IsFull ? FullDisk.Remedy(name) : FullDisk.RemedyOfSilence(name)));
            return;
        }

        await CheckServersAsync(record, request, from, to, findings, cancellationToken);
        findings.AddRange(await new HandoverRules(_steps, record).FindAsync(from, to, cancellationToken));
        findings.AddRange(await new LeftOut(_steps, record, new ViewMemory(environment, record), request.LeaveOut ?? []).FindAsync(from, to, cancellationToken));
        var back = record.Direction.Exchanged;
        var spec = await runtime.SpecAsync(back, cancellationToken);
        var wayBack = await environment.Engine.CheckWayBackAsync(spec with { From = _steps.Bound(spec.From), To = _steps.Bound(spec.To) }, back, cancellationToken);
        findings.AddRange(wayBack.Where(f => !s_saidAbove.Contains(f.Code)));
        findings.AddRange(await new AccountGap(environment).FindAsync(record, FindingSeverity.Error, cancellationToken));
        await CheckProxiesAsync(record, findings, cancellationToken);
        await CheckForeignWritesAsync(to, findings, cancellationToken);
        findings.AddRange(ShadowFindings.Find(record, environment.Validation.Of(record.Name)));
        findings.AddRange(SpanningStatements.Summarize(await new SpanningStatements(environment).FindAsync(record, cancellationToken)));
        findings.AddRange(FindDirectClients(record, request, await AskAsync(record.Direction.From, "list its connections", from.ReadClientsAsync, cancellationToken)));
    }

    private Task<T> AskAsync<T>(Side side, string what, Func<CancellationToken, Task<T>> ask, CancellationToken cancellationToken) =>
        _steps.AskAsync([side], what, ask, cancellationToken);

    /// <summary>What others wrote on the side that is to become authoritative would be the truth then.</summary>
    private async Task CheckForeignWritesAsync(IServerSide to, List<Finding> findings, CancellationToken cancellationToken)
    {
        var passive = runtime.Record.Backend(runtime.Record.Direction.To);
        var unwatched = runtime.Watch is { } watch ? await watch.ExamineAsync(await AskAsync(runtime.Record.Direction.To, "say where its log ends", to.ReadEndAsync, cancellationToken), cancellationToken) : "replication does not run.";
        if (runtime.Record.Foreign is { Found: > 0 } foreign && foreign.Side == runtime.Record.Direction.To)
        {
            var last = foreign.Last[^1];
            findings.Add(Finding.Error(
                "foreign_writes",
                $"{foreign.Found} {(foreign.Found == 1 ? "transaction" : "transactions")} of somebody else changed migrated tables on '{passive}', the last one {last.Table} at {last.At:u}{(last.Account is { } who ? $" by {who}" : "")}, position {last.Position}.",
                $"Stop whoever writes there (`switchyard migration diagnose {runtime.Name}` lists the writes), then run `switchyard migration diff {runtime.Name} start --wait`, repair what it finds, and compare once more: a clean comparison resolves them."));
        }

        if (unwatched is not null)
        {
            findings.Add(Finding.Warning("not_watched", $"'{passive}' is not watched for writes of others: {unwatched}", "Compare the two sides before you switch."));
        }
    }

    /// <summary>Who still talks to the origin around the proxies, so that the last connection strings can be moved.</summary>
    private static IEnumerable<Finding> FindDirectClients(MigrationRecord record, SwitchRequest request, ClientSurvey survey)
    {
        const int Named = 20;
        var from = record.Backend(record.Direction.From);
        if (!survey.SeesLegs && request.Fence == FenceMode.None)
        {
            yield return Finding.Error(
                "legs_unseen",
                $"'{from}' does not show connection attributes, so what a proxy that died has left running there cannot be found, and without a fence nothing would wait for it.",
                $"Leave --fence at lock, or start '{from}' with performance_schema=ON and let Switchyard's account read performance_schema.session_connect_attrs.");
        }

        var caveat = survey.SeesLegs ? "" : " The proxies' own may be among them: the server does not show connection attributes (performance_schema is off or may not be read).";
        foreach (var client in survey.Direct.Take(Named))
        {
            var last = client.IdleSeconds is { } idle ? $"the last statement was {idle} s ago" : "a statement runs now";
            var what = $"'{client.User}' from {client.Host} (program {client.Program}) has {client.Connections} {(client.Connections == 1 ? "connection" : "connections")} to '{from}'";
            yield return survey.SeesLegs
                ? Finding.Warning("direct_client", $"{what} that no proxy made; {last}.", "Let it connect to Switchyard before the switch: afterwards it would write to the side that follows.")
                : Finding.Info("client", $"{what}; {last}.{caveat}");
        }

        if (survey.Direct.Count > Named)
        {
            yield return Finding.Info("more_clients", $"{survey.Direct.Count - Named} more programs are connected to '{from}'.");
        }
    }

    private void CheckStream(MigrationRecord record, SwitchRequest request, List<Finding> findings)
    {
        var to = record.Backend(record.Direction.To);
        if (runtime.Stream?.Status is { State: "connecting" or "reconnecting" } trying)
        {
            findings.Add(Finding.Error(
                "stream_not_running", $"Replication to '{to}' does not get on and tries again{(trying.Error is { } cause ? $": {cause}" : ".")}",
                "Resolve that; it goes on by itself."));
        }
        else if (runtime.Stream?.Status is not { State: "running" } status)
        {
            findings.Add(Finding.Error(
                "stream_not_running", $"Replication to '{to}' is not running{(runtime.Stream?.Status.Error is { } why ? $": {why}" : "")}.",
                $"Start it with `switchyard migration start {record.Name}`."));
        }
        else if (status.LagSeconds > request.MaxReplicationLagAllowedSeconds)
        {
            findings.Add(Finding.Error(
                "lag", $"'{to}' is {status.LagSeconds:0.#} s behind, more than the {request.MaxReplicationLagAllowedSeconds:0.#} s allowed.",
                "Wait until it has caught up, or allow more with --max-replication-lag-allowed."));
        }
    }

    private void CheckDiff(MigrationRecord record, DiffReport? diff, List<Finding> findings)
    {
        var start = $"Run `switchyard migration diff {record.Name} start --wait`, or pass --skip-diff.";
        switch (diff)
        {
            case null or { State: "none" }:
                findings.Add(Finding.Error("no_diff", "The two sides were never compared.", start));
                break;
            case { State: "running" }:
                findings.Add(Finding.Error("diff_running", "The comparison of the two sides is still running.", "Wait until it has ended, or pass --skip-diff."));
                break;
            case { Summary.StartedAt: { } began } when began < record.CopyDoneAt:
                findings.Add(Finding.Error("diff_outdated", $"The last comparison began at {began:u}, before tables were copied again or added.", start));
                break;
            case { Differences: > 0, State: not "repaired" }:
                findings.Add(Finding.Error(
                    "diff_dirty", $"The last comparison found {diff.Differences} differing rows.",
                    $"Look at them with `switchyard migration diff {record.Name} show`, repair them with `switchyard migration diff {record.Name} repair`, and compare again."));
                break;
            case { State: not ("clean" or "repaired") }:
                findings.Add(Finding.Error("diff_unfinished", $"The last comparison did not finish; it is {diff.State}.", start));
                break;
            case { NotCompared: { Count: > 0 } left }:
                findings.Add(Finding.Error("diff_partial", $"The last comparison left out {left.Count} of the tables: {string.Join(", ", left.Take(5))}{(left.Count > 5 ? ", …" : "")}.", start));
                break;
            case { AsOf: { } at } when environment.Time.GetUtcNow() - at > environment.Options.DiffFreshness:
                findings.Add(Finding.Error(
                    "diff_old", at == diff.FinishedAt ? $"The last comparison is from {at:u}." : $"The last comparison was stopped for {(diff.FinishedAt - at)?.TotalHours:0.0} h before it ended at {diff.FinishedAt:u}, and what it had read by then is too old.", start));
                break;
        }
    }

    private async Task CheckServersAsync(
        MigrationRecord record, SwitchRequest request, IServerSide from, IServerSide to, List<Finding> findings, CancellationToken cancellationToken)
    {
        var (fromName, toName) = (record.Backend(record.Direction.From), record.Backend(record.Direction.To));
        const string Facts = "say how it is set up and what runs there";
        var facts = await AskAsync(record.Direction.To, Facts, to.ReadFactsAsync, cancellationToken);
        if (facts.IsReadOnly)
        {
            findings.Add(Finding.Error("target_read_only", $"'{toName}' is read-only.", $"Run SET GLOBAL read_only=0 on '{toName}'."));
        }

        if (!facts.HasBinlog)
        {
            findings.Add(Finding.Error(
                "target_no_binlog", $"'{toName}' writes no binary log, so there would be no way back.", $"Start '{toName}' with log_bin and binlog_format=ROW."));
        }
        else
        {
            if (!string.Equals(facts.BinlogFormat, "ROW", StringComparison.OrdinalIgnoreCase))
            {
                findings.Add(Finding.Error(
                    "target_binlog_format", $"'{toName}' logs in the format {facts.BinlogFormat}, so there would be no way back.", $"Run SET GLOBAL binlog_format=ROW on '{toName}'; sessions opened before keep the old format."));
            }

            if (!string.Equals(facts.RowImage, "FULL", StringComparison.OrdinalIgnoreCase))
            {
                findings.Add(Finding.Error(
                    "target_row_image", $"'{toName}' logs {facts.RowImage} row images, so there would be no way back.", $"Run SET GLOBAL binlog_row_image=FULL on '{toName}'."));
            }
        }

        var origin = await AskAsync(record.Direction.From, Facts, from.ReadFactsAsync, cancellationToken);
        if (request.Fence == FenceMode.ReadOnly && origin.IsReadOnly)
        {
            findings.Add(Finding.Error(
                "source_read_only", $"'{fromName}' is read-only already, and with --fence read-only it would be writable afterwards.", $"Leave --fence at lock, which changes nothing about that, or run SET GLOBAL read_only=0 on '{fromName}'."));
        }

        var prepared = await AskAsync(record.Direction.From, "list its prepared XA transactions", token => FindPreparedXaAsync(from, token), cancellationToken);
        if (prepared.Count > 0)
        {
            findings.Add(Finding.Error(
                "prepared_xa", $"'{fromName}' has {prepared.Count} prepared XA transactions that stay open: {PreparedXa.Describe(prepared)}. What they changed would be missing on '{toName}'.",
                $"End each on '{fromName}' with XA COMMIT or XA ROLLBACK."));
        }

        if (await AskAsync(record.Direction.From, "list its events that run", from.ListRunningEventsAsync, cancellationToken) is { Count: > 0 } running)
        {
            findings.Add(Finding.Warning(
                "event_running", $"On '{fromName}', {(running.Count == 1 ? "an event runs" : $"{running.Count} events run")}: {Cutover.Describe(running)}.", "The pause waits for its end; switch when it has ended, or allow more with --drain-timeout."));
        }

        findings.AddRange(origin.LongTransactions.Select(t => Finding.Warning(
            "long_transaction", $"On '{fromName}', {t}.", "The hold waits for it if it touches a migrated table; end it before, or allow more with --drain-timeout.")));
    }

    /// <summary>Applications that use XA have some prepared at any moment; only those that stay so stand in the way.</summary>
    private async Task<IReadOnlyList<string>> FindPreparedXaAsync(IServerSide from, CancellationToken cancellationToken)
    {
        const int Looks = 5;
        IReadOnlyList<string> prepared = [.. (await from.ReadPreparedXaAsync(cancellationToken)).Where(x => runtime.Stream?.IsUnrelatedXa(x) != true)];
        for (var look = 1; prepared.Count > 0 && look < Looks; look++)
        {
            await Task.Delay(s_betweenLooks, environment.Time, cancellationToken);
            prepared = [.. prepared.Intersect(await from.ReadPreparedXaAsync(cancellationToken), StringComparer.Ordinal)];
        }

        return prepared;
    }

    private async Task CheckProxiesAsync(MigrationRecord record, List<Finding> findings, CancellationToken cancellationToken)
    {
        if ((await environment.Topology.GetMembershipAsync(cancellationToken)).Members.Length == 0)
        {
            findings.Add(Finding.Warning("no_proxy", "No proxy is running, so nothing will be held or sent to the other side.", "Applications that connect directly must be moved by hand."));
        }

        foreach (var gate in await environment.Topology.ListGatesAsync(cancellationToken))
        {
            if (gate.Value.State == GateState.Held)
            {
                findings.Add(Finding.Error(
                    "gate_held", $"The gate {gate.Value.Id} of migration '{gate.Value.Migration}' is up.", $"Wait for it, or run `switchyard migration repair {gate.Value.Migration}`."));
            }
        }
    }
}
