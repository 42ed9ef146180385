using Switchyard.Client;

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
            _row.Clear();
            for (var i = 0; i < table.Columns.Count; i++)
            {
                if (reader.IsNull(i))
                {
                    _row.AddNull();
                }
                else
                {
                    _row.Add(reader.GetBytes(i));
                }
            }

            if (!visit(_row.Written))
            {
                return;
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
            await VisitAsync(sql, row =>
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
}

/// <summary>Looks at one packed row; false ends the reading.</summary>
internal delegate bool RowVisitor(ReadOnlySpan<byte> row);
