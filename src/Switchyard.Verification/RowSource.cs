using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Values;

namespace Switchyard.Verification;

/// <summary>Reads rows of one side as packed rows.</summary>
internal sealed class RowSource(BackendConnection connection, TablePair table, bool left)
{
    // The size of one statement stays far below the smallest max_allowed_packet in use (1 MB on 5.5).
    private const int KeysPerStatement = 200;

    private readonly PackedRow.Builder _row = new();

    /// <summary>Streams the rows of a statement; the span given to <paramref name="visit"/> is valid during the call. Visiting stops when it answers false.</summary>
    public async Task VisitAsync(string sql, RowVisitor visit, CancellationToken cancellationToken)
    {
        await using var reader = await connection.StreamAsync(sql, cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var readBytes = Pack(reader);
            if (!visit(_row.Written, readBytes))
            {
                return;
            }
        }
    }

    /// <summary>Hands on the one row with exactly this key, which is locked, as it is, however long its values; not at all when there is none.</summary>
    public async Task ReadWholeAsync(byte[] key, Func<IReadOnlyList<ReadOnlyMemory<byte>?>, Task> visit, CancellationToken cancellationToken)
    {
        await using var reader = await connection.StreamAsync($"{table.Select(left)} WHERE {table.Key(left).In([key])} FOR UPDATE", cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            Pack(reader);
            if (_row.Written[..PackedRow.PrefixLength(_row.Written, table.KeyLength)].SequenceEqual(key))
            {
                await visit([.. Enumerable.Range(0, table.Columns.Count).Select(i => reader.IsNull(i) ? default(ReadOnlyMemory<byte>?) : reader.GetMemory(i))]);
            }
        }
    }

    /// <summary>The rows with exactly these keys, by the bytes of the key. A key without an entry has no row.</summary>
    public async Task<Dictionary<byte[], byte[]>> ReadAsync(IReadOnlyList<byte[]> keys, bool forUpdate, CancellationToken cancellationToken)
    {
        var wanted = keys.ToHashSet(PackedRow.ByteComparer.Instance);
        var rows = new Dictionary<byte[], byte[]>(PackedRow.ByteComparer.Instance);
        for (var at = 0; at < keys.Count; at += KeysPerStatement)
        {
            var some = keys.Skip(at).Take(KeysPerStatement).ToList();
            var sql = $"{table.Select(left)} WHERE {table.Key(left).In(some)}{(forUpdate ? " FOR UPDATE" : "")}";
            await VisitAsync(sql, (row, _) =>
            {
                var key = row[..PackedRow.PrefixLength(row, table.KeyLength)].ToArray();
                if (wanted.Contains(key))
                {
                    rows[key] = row.ToArray();
                }

                return true;
            }, cancellationToken);
        }

        return rows;
    }

    private long Pack(ResultReader reader)
    {
        _row.Clear();
        var readBytes = 0L;
        for (var i = 0; i < table.Columns.Count; i++)
        {
            var value = reader.GetMemory(i);
            readBytes += value.Length;
            if (reader.IsNull(i))
            {
                _row.AddNull();
            }
            else if ((left ? table.Columns[i].Left : table.Columns[i].Right).Kind == ColumnKind.Json && TypedJson.IsTooLong(value))
            {
                throw new InvalidOperationException(TypedJson.TooLong(left ? table.Left.Name : table.Right.Name, table.Columns[i].Name, left ? "authoritative side" : "following side"));
            }
            else if (value.Length > PackedRow.DigestedFromBytes && table.Columns[i].ComparesJson)
            {
                _row.AddJsonDigest(value, mayRepeat: (left ? table.Columns[i].Left : table.Columns[i].Right).Kind != ColumnKind.Json);
            }
            else if (value.Length > PackedRow.DigestedFromBytes && table.Columns[i].ComparesBytes)
            {
                _row.AddDigest(value);
            }
            else
            {
                _row.Add(value.Span);
            }
        }

        return readBytes;
    }
}

/// <summary>Looks at one packed row, of which so many bytes were read; false ends the reading.</summary>
internal delegate bool RowVisitor(ReadOnlySpan<byte> row, long readBytes);
