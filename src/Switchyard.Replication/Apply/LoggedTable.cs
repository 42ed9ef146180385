using Switchyard.Binlog;

namespace Switchyard.Replication.Apply;

/// <summary>A table as the log defines it, under a number that no other definition has.</summary>
internal sealed class LoggedTable(TableMapEvent map)
{
    private static long s_last;

    public ulong Id { get; } = (ulong)Interlocked.Increment(ref s_last);

    public TableMapEvent Map { get; } = map;

    public bool IsDefinedBy(TableMapEvent other) =>
        ReferenceEquals(Map, other) || Map.Definition.Span.SequenceEqual(other.Definition.Span);

    // Temporal types in the form from before MySQL 5.6: the target's columns of the same name may be in the other.
    public static bool HasOldTypes(TableMapEvent map) => map.ColumnTypes.Span.ContainsAny((byte)7, (byte)11, (byte)12);

    /// <summary>Bytes rows take in a statement.</summary>
    public static long SentBytesOf(RowsEvent rows) => ((rows.DataBytes + 64L) * 4 / 3) + 4;
}
