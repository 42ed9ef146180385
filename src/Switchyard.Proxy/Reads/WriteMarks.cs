using System.Collections.Concurrent;

namespace Switchyard.Proxy.Reads;

/// <summary>
/// Which acknowledged writes the tables of a migration have had, as numbers of one sequence. A number is given out before the write's OK goes
/// to its client, so a read that begins after that OK finds it. Safe from any thread.
/// </summary>
internal sealed class WriteMarks
{
    private readonly ConcurrentDictionary<(string Schema, string Table), long> _tables;
    private long _sequence = 1;

    // Begins at 1 with nothing visible: the first read takes a sample, which covers all that was written before the mode began.
    private long _all = 1;

    public WriteMarks(bool ignoreCase) => _tables = new(new TableNameComparer(ignoreCase));

    /// <summary>The last number given out: everything marked is at or below it.</summary>
    public long Current => Interlocked.Read(ref _sequence);

    /// <summary>A number above everything marked so far, for a session that has seen the source itself.</summary>
    public long Next() => Interlocked.Increment(ref _sequence);

    public void Mark(string schema, string table)
    {
        var number = Next();
        _tables.AddOrUpdate((schema, table), static (_, added) => added, static (_, old, added) => Math.Max(old, added), number);
    }

    public void MarkAll()
    {
        var number = Next();
        long old;
        while ((old = Interlocked.Read(ref _all)) < number && Interlocked.CompareExchange(ref _all, number, old) != old)
        {
        }
    }

    /// <summary>The last write a read of the table must see.</summary>
    public long Of(string schema, string table) =>
        Math.Max(Interlocked.Read(ref _all), _tables.TryGetValue((schema, table), out var number) ? number : 0);
}

/// <summary>Compares table names as the server does.</summary>
internal sealed class TableNameComparer(bool ignoreCase) : IEqualityComparer<(string Schema, string Table)>
{
    private readonly StringComparer _names = ignoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    public bool Equals((string Schema, string Table) x, (string Schema, string Table) y) => _names.Equals(x.Table, y.Table) && _names.Equals(x.Schema, y.Schema);

    public int GetHashCode((string Schema, string Table) name) => HashCode.Combine(_names.GetHashCode(name.Schema), _names.GetHashCode(name.Table));
}
