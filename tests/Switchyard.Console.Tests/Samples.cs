using Switchyard.Migration;

namespace Switchyard.WebConsole.Tests;

/// <summary>Migrations in every stage, as an operator would meet them.</summary>
internal static class Samples
{
    public static MigrationStatus Status(string name, MigrationState state, DateTimeOffset now, string source = "mysql-57", string target = "mariadb-118")
    {
        var done = state is not (MigrationState.Copying or MigrationState.Created);
        var atTarget = state is MigrationState.Switched or MigrationState.Reversing or MigrationState.Completing or MigrationState.Completed;
        var live = state is MigrationState.Copying or MigrationState.Running or MigrationState.Validating or MigrationState.Switching;
        return new MigrationStatus
        {
            Name = name,
            State = state,
            Source = source,
            Target = target,
            Schema = "shop",
            Tables =
            [
                Table("cart_items", 48_210, 48_400, done ? "done" : "streaming"), Table("customers", 52_113, 52_000, done ? "done" : "streaming"),
                Table("order_lines", done ? 811_204 : 402_333, 790_000, done ? "done" : state == MigrationState.Created ? "waiting" : "copying"),
                Table("orders", done ? 203_480 : 201_900, 203_000, done ? "done" : "indexing"), Table("products", 12_040, 12_000, done ? "done" : "streaming"),
                Table("stock_moves", done ? 97_000 : 0, 97_000, done ? "done" : "waiting"),
            ],
            Copy = state == MigrationState.Created ? null : new CopyStatus(done ? 1_224_047 : 716_596, 1_202_400, done ? 0 : 61_200, done ? null : 8, 14),
            Stream = live ? new StreamStatus("running", "mysql-bin.000007:481220", 0.2, 48_112, null) : StreamStatus.None with { State = atTarget ? "frozen" : "none" },
            Reverse = state == MigrationState.Switched ? new StreamStatus("running", "binlog.000003:99120", 0.0, 1203, null) : StreamStatus.None,
            Reads = atTarget || state == MigrationState.Validating ? target : source,
            ReadPercent = state == MigrationState.Validating ? 25 : 100,
            Writes = atTarget ? target : source,
            Diff = state switch
            {
                MigrationState.Running => new DiffStatus("running", 402_000, 0, now.AddSeconds(-30), null, 0.41, null),
                MigrationState.Error => new DiffStatus("differences", 1_224_047, 3, now.AddMinutes(-9), now.AddMinutes(-8), 1, null),
                _ when done => new DiffStatus("clean", 1_224_047, 0, now.AddMinutes(-4), now.AddMinutes(-3), 1, null),
                _ => DiffStatus.None,
            },
            Error = state == MigrationState.Error ? "The source's binary log mysql-bin.000004 is gone: it was purged before it was read." : null,
            Remedy = state == MigrationState.Error ? "Cancel and create the migration again, with binlog_expire_logs_seconds above one day." : null,
            Epoch = 12,
            CreatedAt = now.AddHours(-3),
            SwitchedAt = atTarget ? now.AddMinutes(-2) : null,
            Operation = state == MigrationState.Switching ? "switch: catch-up" : null,
        };
    }

    public static IReadOnlyList<JournalLine> Journal(string operation, DateTimeOffset at, params (string Step, double Ms)[] steps)
    {
        var lines = new List<JournalLine>();
        foreach (var (step, ms) in steps)
        {
            lines.Add(new JournalLine(at, operation, step, "begun", step == "flip" ? "mariadb-118 becomes authoritative" : ""));
            at = at.AddMilliseconds(ms);
            lines.Add(new JournalLine(at, operation, step, "done", $"{ms:0.###} ms"));
        }

        return lines;
    }

    public static readonly (string, double)[] SwitchSteps =
    [
        ("precheck", 212), ("lock", 4), ("warm", 320), ("hold", 18), ("fence", 6), ("catch-up", 22), ("handover", 3), ("prime-reverse", 11), ("flip", 4), ("release", 5), ("unfence", 2),
        ("reverse-stream", 40), ("unlock", 3),
    ];

    private static TableStatus Table(string name, long rows, long estimated, string phase) => new(name, phase == "waiting" ? 0 : rows, estimated, phase);
}
