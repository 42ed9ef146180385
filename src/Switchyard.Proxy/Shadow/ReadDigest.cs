using Switchyard.Client;
using Switchyard.Sql;

namespace Switchyard.Proxy.Shadow;

/// <summary>
/// One server's answer to a read, as hashes taken while its rows went by: no value is kept. Bounded: beyond <see cref="MaxListedRows"/> only sums
/// are kept, beyond <see cref="MaxRows"/> or <see cref="MaxBytes"/> the answer counts as too large.
/// </summary>
internal sealed class ReadDigest
{
    public const int MaxListedRows = 10_000;
    public const long MaxRows = 200_000;
    public const long MaxBytes = 64L << 20;

    private readonly List<ulong> _rowHashes = [];
    private readonly List<ulong> _keyHashes = [];
    private int[] _keys = [];

    /// <summary>The error it answered with; null when it answered with rows.</summary>
    public int? ErrorCode { get; init; }

    public IReadOnlyList<ResultColumn> Columns { get; private set; } = [];

    public long Rows { get; private set; }

    /// <summary>Of all rows in their order.</summary>
    public ulong Sequence { get; private set; }

    /// <summary>Of all rows in any order.</summary>
    public ulong Sum { get; private set; }

    /// <summary>Of each column's values in any order.</summary>
    public ulong[] ColumnSums { get; private set; } = [];

    /// <summary>Not read to its end.</summary>
    public bool IsTooLarge { get; private set; }

    public TimeSpan Elapsed { get; set; }

    /// <summary>All rows are listed one by one.</summary>
    public bool IsListed => Rows <= MaxListedRows;

    /// <summary>The columns it is sorted by are among its own.</summary>
    public bool HasKeys => _keys.Length > 0;

    /// <summary>Some of what it is sorted by is text that collations have rules for which are not known here: other letters may be the same to them.</summary>
    public bool HasUnsureKeys { get; private set; }

    /// <summary>A hash of each row.</summary>
    public IReadOnlyList<ulong> RowHashes => _rowHashes;

    /// <summary>A hash of what each row is sorted by.</summary>
    public IReadOnlyList<ulong> KeyHashes => _keyHashes;

    /// <summary>Reads an answer to its end, or as far as it is bounded.</summary>
    /// <exception cref="ServerErrorException">The server gave up half way.</exception>
    public static async Task<ReadDigest> ReadAsync(ResultReader reader, ReadTraits traits, bool readsJson, CancellationToken cancellationToken)
    {
        var digest = new ReadDigest { Columns = reader.Columns, ColumnSums = new ulong[reader.Columns.Count], _keys = KeysIn(reader.Columns, traits) };
        var bytes = 0L;
        while (await reader.ReadAsync(cancellationToken))
        {
            bytes += digest.Add(reader, readsJson);
            if (digest.Rows >= MaxRows || bytes >= MaxBytes)
            {
                digest.IsTooLarge = true;
                break;
            }
        }

        return digest;
    }

    private long Add(ResultReader reader, bool readsJson)
    {
        var row = 0UL;
        var bytes = 0L;
        for (var i = 0; i < Columns.Count; i++)
        {
            var value = reader.GetBytes(i);
            var hash = ValueForm.Hash(value, reader.IsNull(i), Columns[i], readsJson);
            ColumnSums[i] += hash;
            row = ValueForm.Combine(row, hash);
            bytes += value.Length;
        }

        Sequence = ValueForm.Combine(Sequence, row);
        Sum += row;
        if (Rows++ < MaxListedRows)
        {
            _rowHashes.Add(row);
            if (_keys.Length > 0)
            {
                _keyHashes.Add(_keys.Aggregate(0UL, (key, i) => ValueForm.Combine(key, ValueForm.SortHash(reader.GetBytes(i), reader.IsNull(i), Columns[i], readsJson))));
                HasUnsureKeys = HasUnsureKeys || Array.Exists(_keys, i => !reader.IsNull(i) && ValueForm.IsSortedByRules(reader.GetBytes(i), Columns[i]));
            }
        }

        return bytes;
    }

    /// <summary>Where the columns of the ORDER BY are in the result; empty when one of them is not.</summary>
    private static int[] KeysIn(IReadOnlyList<ResultColumn> columns, ReadTraits traits)
    {
        var keys = new int[traits.Order.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            var key = traits.Order[i];
            keys[i] = key.Name is null ? key.Position - 1 : IndexOf(columns, key.Name);
            if (keys[i] < 0 || keys[i] >= columns.Count)
            {
                return [];
            }
        }

        return keys;
    }

    /// <summary>An alias comes before a table's column of that name, as for the servers.</summary>
    private static int IndexOf(IReadOnlyList<ResultColumn> columns, string name)
    {
        for (var pass = 0; pass < 2; pass++)
        {
            for (var i = 0; i < columns.Count; i++)
            {
                if (string.Equals(pass == 0 ? columns[i].Name : columns[i].OriginalName, name, StringComparison.OrdinalIgnoreCase))
                {
                    return i;
                }
            }
        }

        return -1;
    }
}
