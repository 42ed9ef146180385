namespace Switchyard.Migration;

/// <summary>The names of the steps, in their order. They are part of the contract with scripts.</summary>
internal static class CutoverSteps
{
    public const string Precheck = "precheck";
    public const string Lock = "lock";
    public const string Warm = "warm";
    public const string Hold = "hold";
    public const string Fence = "fence";
    public const string CatchUp = "catch-up";
    public const string Handover = "handover";
    public const string PrimeReverse = "prime-reverse";
    public const string Flip = "flip";
    public const string Release = "release";
    public const string Unfence = "unfence";
    public const string ReverseStream = "reverse-stream";
    public const string Unlock = "unlock";

    public static IReadOnlyList<string> All { get; } =
        [Precheck, Lock, Warm, Hold, Fence, CatchUp, Handover, PrimeReverse, Flip, Release, Unfence, ReverseStream, Unlock];

    /// <summary>How many tables, in words.</summary>
    public static string Tables(MigrationRecord record) =>
        $"{record.Tables.Count} {(record.Tables.Count == 1 ? "table" : "tables")} of {record.Schemas.Title()}";

    /// <summary>What each step will do, for a dry run.</summary>
    public static IReadOnlyList<string> Plan(MigrationRecord record, SwitchRequest request)
    {
        var from = record.Backend(record.Direction.From);
        var to = record.Backend(record.Direction.To);
        var tables = record.Schemas.All(s => s.Whole) ? record.Tables.Count == 1 ? $"the only table of {record.Schemas.Title()}" : $"all {Tables(record)}" : Tables(record);
        return
        [
            $"{Lock}: take the right to change '{record.Name}', so that no other operator can",
            $"{Warm}: the proxies open their sessions' connections to {to}; identity values on {to} are raised where they are behind; wait until {to} has caught up once",
            $"{Hold}: new statements on {tables} wait in the proxies; open transactions may end within {request.DrainTimeoutSeconds:0.###} s",
            request.Fence switch
            {
                FenceMode.Lock => $"{Fence}: the tables are read-locked on {from}, so that writers that bypass the proxies wait too",
                FenceMode.ReadOnly => $"{Fence}: {from} is made read-only, which affects every schema on it",
                _ => $"{Fence}: none, as asked for; nothing keeps a writer out that bypasses the proxies",
            },
            $"{CatchUp}: {to} applies everything up to the end of {from}'s log, then its applier is stopped",
            $"{Handover}: triggers and events move from {from} to {to}",
            $"{PrimeReverse}: identity values on {to} are verified; replication back to {from} is recorded at {to}'s position",
            $"{Flip}: point of no return: {to} becomes authoritative, in one transaction",
            $"{Release}: the waiting statements go to {to}",
            $"{Unfence}: {from} is unlocked",
            $"{ReverseStream}: {from} follows {to}",
            $"{Unlock}: the right to change '{record.Name}' is given back",
        ];
    }
}
