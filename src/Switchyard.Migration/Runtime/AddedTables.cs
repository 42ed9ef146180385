using Switchyard.Faults;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// Takes tables into a migration that is under way: they are in its record first, and then copied beside the stream by themselves, as tables are that the source has replaced
/// (<see cref="ReplacedTables"/>). What is copied of the others stays.
/// </summary>
internal sealed class AddedTables(MigrationEnvironment environment, MigrationRuntime runtime)
{
    public const string Step = "add-table";

    private readonly ServerSteps _steps = new(environment, runtime.Record.Settings);

    /// <summary>Checks the tables and adds them, or refuses and changes nothing.</summary>
    /// <param name="request">Which.</param>
    /// <param name="diff">The migration's comparison, which ends.</param>
    /// <param name="cancellationToken">Ends the wait; what is written down by then goes on.</param>
    /// <returns>What of them is worth reading.</returns>
    public async Task<IReadOnlyList<Finding>> AddAsync(AddTablesRequest request, DiffController diff, CancellationToken cancellationToken)
    {
        if (request.Tables.Count == 0)
        {
            throw MigrationException.Usage("No table is named.", $"Name tables as schema.table, for example `switchyard migration add-table {runtime.Name} {runtime.Record.SchemaNames[0]}.orders`.");
        }

        RefuseNow(runtime.Record);
        var (tables, sequences, findings) = await CheckAsync(request, cancellationToken);
        await diff.DisposeAsync();
        await runtime.HaltAsync(cancellationToken);
        var made = runtime.ExpectAdded();
        try
        {
            await FaultPoints.HitAsync("add.record.before", cancellationToken);
            await RecordAsync(tables, sequences, cancellationToken);
        }
        finally
        {
            await runtime.ResumeAsync(CancellationToken.None);
        }

        await FaultPoints.HitAsync("add.record.after", cancellationToken);
        var now = runtime.Record;
        if (now is { Started: true, Stopped: false, SchemaCopied: true } && await Task.WhenAny(made, Task.Delay(environment.Options.StepLimit, environment.Time, cancellationToken)) == made && await made is { } refusal)
        {
            throw refusal;
        }

        return findings;
    }

    /// <summary>Those that the target, or the source by now, does not let move: the migration is what it was without them.</summary>
    public async Task TakeOutAsync(IReadOnlyList<ReplacedTable> added, Exception why, CancellationToken cancellationToken)
    {
        var names = string.Join(", ", added.Select(t => t.Table));
        await FaultPoints.HitAsync("add.takeout.before", cancellationToken);
        await UpdateAsync(r => Without(r, added), r => added.Select(t => t.Operation).Distinct().Select(operation => Entry(operation, 2, JournalPhase.Undone, $"Not added: {names}. {why.Message}")), cancellationToken);
        environment.Events.Publish(runtime.Name, Step, $"{names} could not be added: {why.Message}");
        runtime.NoteAdded(MigrationException.Refused(
            "not_added", $"{names} could not be added, and the migration is as it was: {why.Message}", $"Resolve that, then run `switchyard migration add-table {runtime.Name} {string.Join(' ', added.Select(t => t.Table))}` again."));
    }

    private static void RefuseNow(MigrationRecord record)
    {
        if (record.Operation is { } half)
        {
            throw MigrationException.Refused("half_done", $"{half.Id} of '{record.Name}' is half done.", $"Run `switchyard migration repair {record.Name}` first.");
        }

        if (record.Authoritative != Side.Source)
        {
            throw MigrationException.Refused(
                "wrong_state", $"'{record.Settings.Target}' is authoritative, so that nothing is copied to it any more.",
                $"Make the table on '{record.Settings.Target}' by hand, or go back first with `switchyard migration reverse {record.Name}`.");
        }

        if (record.Reads is not null)
        {
            throw MigrationException.Refused("validating", $"Reads of '{record.Name}' go to the target, which would have a part of the table.", $"Run `switchyard migration validate {record.Name} --off` first.");
        }
    }

    private async Task<(IReadOnlyList<TableName> Tables, IReadOnlyDictionary<string, IReadOnlyList<string>> Sequences, IReadOnlyList<Finding> Findings)> CheckAsync(
        AddTablesRequest request, CancellationToken cancellationToken)
    {
        var record = runtime.Record;
        var settings = record.Settings;
        try
        {
            var tables = await FindAsync(request, cancellationToken);
            var sequences = await FindSequencesAsync(tables, cancellationToken);
            var next = With(record, tables, sequences, record.CreatedAt);
            var source = _steps.Bound(await environment.BackendAsync(settings.Source, cancellationToken));
            var target = _steps.Bound(await environment.BackendAsync(settings.Target, cancellationToken));
            List<Finding> findings = [.. await environment.Engine.PreflightAddedAsync(source, target, next.Schemas, tables, cancellationToken)];
            if (RoutingRules.Conflict((await environment.Topology.GetRoutingAsync(cancellationToken)).Value, next) is { } conflict)
            {
                findings.Add(conflict);
            }

            return findings.Exists(f => f.Severity == FindingSeverity.Error)
                ? throw MigrationException.RefusedBy("not_added", $"{string.Join(", ", tables)} {(tables.Count == 1 ? "was" : "were")} not added.", findings)
                : (tables, sequences, findings);
        }
        catch (CutoverFailedException e)
        {
            throw MigrationException.Refused("server_silent", $"{e.Message} Nothing was changed.", e.Remedy);
        }
    }

    /// <summary>The tables as the source names them.</summary>
    private async Task<IReadOnlyList<TableName>> FindAsync(AddTablesRequest request, CancellationToken cancellationToken)
    {
        var record = runtime.Record;
        var source = record.Settings.Source;
        var ignoreCase = (await _steps.AskAsync(
            [Side.Source], "list its schemas", async token => await environment.Engine.ReadNamesAsync(await environment.BackendAsync(source, token), token), cancellationToken)).IgnoreCase;
        var how = ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        var found = new List<TableName>();
        foreach (var name in request.Tables)
        {
            var schema = record.SchemaNames.FirstOrDefault(s => name.StartsWith($"{s}.", how)) ?? (record.Schemas.Count == 1 && !name.Contains('.', StringComparison.Ordinal) ? record.SchemaNames[0] : null);
            if (schema is null)
            {
                throw MigrationException.Usage(
                    $"'{name}' is in none of the schemas of '{record.Name}', which are {record.Schemas.Title()}.", "Name tables as schema.table. What another schema has needs a migration of its own.");
            }

            var table = name.Contains('.', StringComparison.Ordinal) && name.StartsWith($"{schema}.", how) ? name[(schema.Length + 1)..] : name;
            var listed = (await _steps.ListTablesAsync(schema, cancellationToken)).FirstOrDefault(t => string.Equals(t, table, how))
                ?? throw new MigrationException("no_such_table", $"'{source}' has no table {schema}.{table}.", "Check the name; views and sequences are not named here.", 4);
            found.Add(new TableName(schema, listed));
        }

        return found.FirstOrDefault(record.Tables.Contains) is { Name: not null } known
            ? throw MigrationException.Refused("already_migrating", $"{known} belongs to '{record.Name}' already. Nothing was changed.", $"`switchyard migration status {record.Name}` says where it stands.")
            : [.. found.Distinct()];
    }

    /// <summary>Those that move because of the tables, by schema: of one that moves as a whole all do.</summary>
    private async Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> FindSequencesAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        var sequences = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var schema in runtime.Record.Schemas.Where(s => s.Sequences is not null))
        {
            string[] named = [.. tables.Where(t => t.Schema == schema.Name).Select(t => t.Name)];
            if (named.Length > 0)
            {
                var used = await _steps.AskAsync(
                    [Side.Source], $"list the sequences that tables of {schema.Name} use",
                    async token => await environment.Engine.ListSequencesAsync(await environment.BackendAsync(runtime.Record.Settings.Source, token), schema.Name, named, token), cancellationToken);
                sequences[schema.Name] = [.. used.Except(schema.Sequences!)];
            }
        }

        return sequences;
    }

    private Task RecordAsync(IReadOnlyList<TableName> tables, IReadOnlyDictionary<string, IReadOnlyList<string>> sequences, CancellationToken cancellationToken)
    {
        var now = environment.Time.GetUtcNow();
        return UpdateAsync(
            r =>
            {
                RefuseNow(r);
                return With(r, tables, sequences, now);
            },
            r => [Entry(OperationAfter(r), 1, r.SchemaCopied ? JournalPhase.Begun : JournalPhase.Done, $"{string.Join(", ", tables)}.")],
            cancellationToken);
    }

    /// <summary>The record, its rules and the journal, in one transaction.</summary>
    private async Task UpdateAsync(Func<MigrationRecord, MigrationRecord> change, Func<MigrationRecord, IEnumerable<JournalEntry>> entries, CancellationToken cancellationToken)
    {
        const int Attempts = 20;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var routing = await environment.Topology.GetRoutingAsync(cancellationToken);
            var done = await runtime.TryUpdateAsync(change, cancellationToken, transaction =>
            {
                foreach (var entry in entries(runtime.Record))
                {
                    transaction.Append(entry);
                }

                transaction.Require(routing).Put(RoutingRules.With(routing.Value, change(runtime.Record)));
            });
            if (done)
            {
                return;
            }
        }

        throw MigrationException.Failed("conflict", "The routing table keeps changing.", "Try again when nobody else changes it.");
    }

    private static MigrationRecord With(MigrationRecord record, IReadOnlyList<TableName> tables, IReadOnlyDictionary<string, IReadOnlyList<string>> sequences, DateTimeOffset now)
    {
        var next = record with
        {
            Schemas =
            [
                .. record.Schemas.Select(s => tables.Any(t => t.Schema == s.Name)
                    ? s with
                    {
                        Tables = [.. s.Tables.Concat(tables.Where(t => t.Schema == s.Name).Select(t => t.Name)).Order(StringComparer.Ordinal)],
                        Sequences = s.Sequences is { } own ? [.. own.Concat(sequences.GetValueOrDefault(s.Name, [])).Order(StringComparer.Ordinal)] : null,
                    }
                    : s),
            ],
            Error = null,
            Remedy = null,
        };
        if (!record.SchemaCopied)
        {
            // They are made and copied with all others.
            return next with { Operations = record.Operations + 1 };
        }

        var what = $"{(tables.Count == 1 ? "Table" : "Tables")} {string.Join(", ", tables)} {(tables.Count == 1 ? "was" : "were")} added to the migration";
        return next with
        {
            CopyStartedAt = record.CopyDone ? now : record.CopyStartedAt,
            CopyDoneAt = null,
            Copied = record.Copied.Count == 0 ? [] : [.. record.Copied.Concat(tables.Select(t => new TableStatus(record.Schemas.NameOf(t), 0, 0, "waiting"))).OrderBy(t => t.Name, StringComparer.Ordinal)],
            Operations = record.Operations + 1,
            Replaced =
            [
                .. record.Replaced,
                .. tables.Select((t, i) => new ReplacedTable(t.Schema, t.Name, what, OperationAfter(record), record.CopyDone || record.Replaced.Any(r => r.AfterCopy), IsPrepared: false)
                {
                    IsAdded = true,
                    Sequences = tables.Take(i).Any(before => before.Schema == t.Schema) ? [] : sequences.GetValueOrDefault(t.Schema, []),
                    CopyBefore = record is { CopyStartedAt: { } began, CopyDoneAt: { } ended } ? new CopyTimes(began, ended) : null,
                }),
            ],
        };
    }

    private static MigrationRecord Without(MigrationRecord record, IReadOnlyList<ReplacedTable> added)
    {
        var tables = added.Select(t => t.Table).ToHashSet();
        List<ReplacedTable> left = [.. record.Replaced.Where(t => !tables.Contains(t.Table))];
        var before = left.Count == 0 ? added.Select(t => t.CopyBefore).FirstOrDefault(times => times is not null) : null;
        return record with
        {
            Schemas =
            [
                .. record.Schemas.Select(s => s with
                {
                    Tables = [.. s.Tables.Where(t => !tables.Contains(new TableName(s.Name, t)))],
                    Sequences = s.Sequences is { } own ? [.. own.Except(added.Where(t => t.Schema == s.Name).SelectMany(t => t.Sequences))] : null,
                }),
            ],
            Replaced = left,

            // What was made and dropped again on the target would be taken for somebody else's statements.
            Foreign = record.Foreign with { Examined = null },
            Copied = [.. record.Copied.Where(c => !tables.Any(t => record.Schemas.NameOf(t) == c.Name))],
            CopyStartedAt = before?.StartedAt ?? record.CopyStartedAt,
            CopyDoneAt = before?.DoneAt,
        };
    }

    private static string OperationAfter(MigrationRecord record) => $"{Step}-{record.Operations + 1:D4}";

    private JournalEntry Entry(string operation, int sequence, JournalPhase phase, string detail) =>
        new(runtime.Name, operation, sequence, Step, phase, environment.Time.GetUtcNow()) { Detail = detail };
}
