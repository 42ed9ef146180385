namespace Switchyard.Migration;

/// <summary>What speaks against handing triggers and events over, and what would be lost with them.</summary>
internal sealed class HandoverRules(ServerSteps steps, MigrationRecord record)
{
    private const int MostNamed = 5;

    private string FromName => record.Backend(record.Direction.From);

    private string ToName => record.Backend(record.Direction.To);

    /// <exception cref="CutoverFailedException">A server did not answer.</exception>
    public async Task<IReadOnlyList<Finding>> FindAsync(IServerSide from, IServerSide to, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        var handover = await steps.AskAsync([record.Direction.From], "show its triggers and events", token => from.ReadTriggersAndEventsAsync(record.Schemas, token), cancellationToken);
        if (handover.Events.Any(e => e.Enabled) && !await steps.AskAsync([record.Direction.From], "say what others do there", from.SeesOthersAsync, cancellationToken))
        {
            findings.Add(Finding.Error(
                "events_unseen", $"Switchyard's account on '{FromName}' does not see whether one of the schema's events runs, whose writes behind the pause would be lost.",
                $"Run GRANT PROCESS ON *.* for that account on '{FromName}'."));
        }

        var definers = handover.Triggers.Select(t => (Account: Definer.Of(t.Statement), Name: $"the trigger {t.Schema}.{t.Name}"))
            .Concat(handover.Events.Select(e => (Account: Definer.Of(e.Statement), Name: $"the event {e.Schema}.{e.Name}")))
            .Where(d => d.Account is not null).ToLookup(d => d.Account!, d => d.Name);
        if (definers.Count > 0)
        {
            findings.AddRange(Judge(definers, await steps.AskAsync([record.Direction.To], "list its accounts", to.ListAccountsAsync, cancellationToken)));
        }

        return findings;
    }

    private IEnumerable<Finding> Judge(ILookup<Account, string> definers, IReadOnlySet<Account>? accounts)
    {
        if (accounts is null)
        {
            yield return Finding.Warning(
                "definers_unknown", $"Switchyard's account may not read which accounts '{ToName}' has, so that triggers and events will run as Switchyard's own there.",
                $"Allow it to read the table mysql.user on '{ToName}'.");
            yield break;
        }

        foreach (var missing in definers.Where(d => !accounts.Contains(d.Key)))
        {
            var names = $"{string.Join(", ", missing.Take(MostNamed))}{(missing.Count() > MostNamed ? $" and {missing.Count() - MostNamed} more" : "")}";
            var what = $"'{ToName}' has no account {missing.Key}, as which {names} {(missing.Count() == 1 ? "runs" : "run")} on '{FromName}': there {(missing.Count() == 1 ? "it" : "they")} would run as Switchyard's own, with its rights.";
            yield return record.Direction == Direction.Forward
                ? Finding.Error("definer_missing", what, $"Create it with `switchyard migration accounts copy {record.Name} --accounts {missing.Key.User}@{missing.Key.Host}`, or make them on '{FromName}' with a definer that both have.")
                : Finding.Warning("definer_missing", what, $"Create it on '{ToName}', or make them on '{FromName}' with a definer that both have.");
        }
    }
}
