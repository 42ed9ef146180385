using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// What becomes of a migration when the source has other tables under the names of some: while nobody reads or writes on the target they are copied again, and everything else is as it was.
/// Tables that are added (<see cref="AddedTables"/>) are copied the same way.
/// </summary>
internal sealed class ReplacedTables(MigrationEnvironment environment, MigrationRuntime runtime)
{
    private const string Step = "copy-again";

    /// <summary>Why a migration is copying that had ended its copy before, as a sentence; empty for any other.</summary>
    public static string Describe(MigrationRecord record) => string.Concat(Sentences(record).Select(s => $" {s}"));

    public static IEnumerable<Finding> Find(MigrationRecord record)
    {
        const string Remedy = "Nothing is to be done for it; `validate`, `diff` and `switch` have to wait, and comparisons from before do not count.";
        return record.Replaced.GroupBy(t => (t.What, t.IsAdded)).Select(g => g.Key.IsAdded
            ? Finding.Info("table_added", Sentence(g)) with { Remedy = Remedy }
            : Finding.Warning("table_replaced", Sentence(g), Remedy));
    }

    /// <summary>What keeps tables from being made anew, for whoever can end it.</summary>
    public static IEnumerable<Finding> FindDelay(MigrationRecord record, string? why) => why is null
        ? []
        : [Finding.Warning(
            "table_replaced_waits", $"Tables that are to be copied cannot be made on '{record.Settings.Target}' yet: {why.TrimEnd('.')}.",
            $"It is tried again by itself. Who holds a table on '{record.Settings.Target}' is in its SHOW PROCESSLIST (MySQL: performance_schema.metadata_locks): end that, or KILL it.")];

    /// <summary>Writes down that they are to be copied again, as long as the target serves nothing.</summary>
    /// <returns>Why they are not; null when they are.</returns>
    public async Task<MigrationException?> TryBeginAsync(TablesReplacedException replaced, CancellationToken cancellationToken)
    {
        MigrationException? refusal = null;
        await FaultPoints.HitAsync("copy.again.record.before", cancellationToken);
        await runtime.UpdateAsync(
            r => (refusal = Refuse(r, replaced)) is null ? Change(r, replaced) : r,
            CancellationToken.None,
            t =>
            {
                if (refusal is null)
                {
                    t.Append(Entry(Step, OperationAfter(runtime.Record), 1, JournalPhase.Begun, $"{replaced.What}."));
                }
            });
        if (refusal is null)
        {
            environment.Events.Publish(runtime.Name, Step, Sentence(replaced.Tables.Count, replaced.What, isAdded: false));
        }

        return refusal;
    }

    /// <summary>Makes those anew on the target that are not yet. Those added that the target does not take are no part of the migration any more.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        while (runtime.Record.Replaced.Where(t => !t.IsPrepared).ToList() is { Count: > 0 } waiting)
        {
            var spec = await runtime.SpecAsync(Direction.Forward, cancellationToken);
            List<ReplacedTable> added = [.. waiting.Where(t => t.IsAdded)];
            try
            {
                var findings = await environment.Engine.CopyAgainAsync(
                    spec, [.. waiting.Select(t => t.Table)], [.. added.Select(t => t.Table)], why => runtime.RenewalDelay = why, cancellationToken);
                await runtime.UpdateAsync(
                    r => r with { Replaced = [.. r.Replaced.Select(t => t with { IsPrepared = true })], SchemaFindings = [.. r.SchemaFindings.Union(findings)] }, cancellationToken);
            }
            catch (Exception e) when (added.Count > 0 && e is (ReplicationException and not SourceMovedException) or SchemaTranslationException or ServerErrorException)
            {
                await new AddedTables(environment, runtime).TakeOutAsync(added, e, cancellationToken);
            }
            finally
            {
                runtime.RenewalDelay = null;
            }
        }
    }

    /// <summary>Ends the journal of those whose copy has ended.</summary>
    public void NoteDone(TopologyTransaction transaction)
    {
        foreach (var operation in runtime.Record.Replaced.GroupBy(t => (t.Operation, t.IsAdded)))
        {
            var tables = string.Join(", ", operation.Select(t => t.Table));
            transaction.Append(operation.Key.IsAdded
                ? Entry(AddedTables.Step, operation.Key.Operation, 2, JournalPhase.Done, $"Copied: {tables}.")
                : Entry(Step, operation.Key.Operation, 2, JournalPhase.Done, $"Copied again: {tables}."));
        }
    }

    /// <summary>
    /// The record of a copy that has ended. What the watch of the target has seen counts no more where tables were made anew there, which it would take for somebody else's statements.
    /// </summary>
    public static MigrationRecord End(MigrationRecord record, DateTimeOffset at, IReadOnlyList<TableStatus> copied) => record with
    {
        CopyDoneAt = at,
        Copied = copied,
        Stopped = record.Settings.StopAfterCopy && !record.Replaced.Any(t => t.AfterCopy),
        Foreign = record.Replaced.Count > 0 ? record.Foreign with { Examined = null } : record.Foreign,
        Replaced = [],
    };

    private MigrationRecord Change(MigrationRecord record, TablesReplacedException replaced)
    {
        bool IsAmong(ReplacedTable table) => replaced.Tables.Contains(new TableName(table.Schema, table.Name));
        var wasDone = record.CopyDone || record.Replaced.Any(t => t.AfterCopy);
        return record with
        {
            CopyStartedAt = record.CopyDone ? environment.Time.GetUtcNow() : record.CopyStartedAt,
            CopyDoneAt = null,
            Copied = [.. record.Copied.Select(s => replaced.Tables.Any(t => record.Schemas.NameOf(t) == s.Name) ? s with { RowsCopied = 0, Phase = "waiting" } : s)],
            Operations = record.Operations + 1,
            Replaced = [.. record.Replaced.Where(t => !IsAmong(t)), .. replaced.Tables.Select(t => new ReplacedTable(t.Schema, t.Name, replaced.What, OperationAfter(record), wasDone, IsPrepared: false))],
        };
    }

    private static string OperationAfter(MigrationRecord record) => $"{Step}-{record.Operations + 1:D4}";

    private JournalEntry Entry(string step, string operation, int sequence, JournalPhase phase, string detail) =>
        new(runtime.Name, operation, sequence, step, phase, environment.Time.GetUtcNow()) { Detail = detail };

    private static MigrationException? Refuse(MigrationRecord record, TablesReplacedException replaced)
    {
        var start = $"`switchyard migration start {record.Name}`";
        if (record.Authoritative == Side.Target)
        {
            return Refusal(
                replaced, $"'{record.Settings.Target}' is authoritative, and the way back would lead to an empty table meanwhile",
                $"The way back ends here: '{record.Settings.Source}' follows no further. Finish with `switchyard migration complete {record.Name}`.");
        }

        if (record.Operation is { } operation)
        {
            return Refusal(replaced, $"{operation.Id} is under way", $"When that has ended, run {start}: the copy begins then.");
        }

        return record.Reads is null ? null : Refusal(
            replaced, $"reads go to '{record.Settings.Target}'", $"Run `switchyard migration validate {record.Name} --off`, then {start}: the copy begins then, and reads can go there again when it is done.");
    }

    private static MigrationException Refusal(TablesReplacedException replaced, string why, string remedy) =>
        MigrationException.Failed("table_replaced", $"{replaced.Message} That cannot be while {why}.", remedy, replaced);

    private static IEnumerable<string> Sentences(MigrationRecord record) => record.Replaced.GroupBy(t => (t.What, t.IsAdded)).Select(Sentence);

    private static string Sentence(IGrouping<(string What, bool IsAdded), ReplacedTable> tables) => Sentence(tables.Count(), tables.Key.What, tables.Key.IsAdded);

    private static string Sentence(int tables, string what, bool isAdded) => $"{what}; {(tables == 1 ? "it is" : "they are")} being copied{(isAdded ? "" : " again")}.";
}
