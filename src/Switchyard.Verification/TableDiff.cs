using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Verification;

/// <summary>
/// Compares one table: ranges of the authoritative side's key order, each read on both sides. The first range is open below and the last
/// one above, so that rows only the following side has are found wherever they sort.
/// </summary>
/// <remarks>
/// Each range's end is evaluated by each server in its own order. Whatever two total orders are, the ranges (−∞,k1], (k1,k2], … (kn,∞)
/// together cover every row of a side, so a disagreement about order makes suspects, never a row that nobody looks at; suspects are
/// looked up by equality. Where the collations are known to differ, ranges would make too many, and rows are looked up by key instead.
/// </remarks>
internal sealed class TableDiff
{
    private const int FewestRows = 1;
    private readonly DiffOptions _options;
    private readonly TablePair _table;
    private readonly RowSource _left;
    private readonly RowSource _right;
    private readonly KeyResolver _resolver;
    private readonly Action<TableProgress> _report;
    private readonly List<byte[]> _suspects = [];
    private TableProgress _progress;

    // What was told last, from which a stopped comparison goes on: the chunk it was in is read again.
    private TableProgress _reported;
    private int _chunkRows;

    public TableDiff(
        DiffOptions options, TablePair table, BackendConnection left, BackendConnection right, TableProgress progress, Action<TableProgress> report)
    {
        _options = options;
        _table = table;
        _left = new RowSource(left, table, left: true);
        _right = new RowSource(right, table, left: false);
        _resolver = new KeyResolver(left, right, table, options);
        _progress = _reported = progress with { Begun = true, RowsEstimated = table.Left.RowEstimate };
        _report = report;
        var rowSizeBytes = Math.Max(32, table.Left.DataLength / Math.Max(1, table.Left.RowEstimate));
        _chunkRows = (int)Math.Clamp(options.ChunkSizeBytes / rowSizeBytes, FewestRows, options.ChunkRows);
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (_progress.Pass == 0)
        {
            await CompareRangesAsync(cancellationToken);
            Update(_progress with { Pass = 1, After = null });
        }

        if (!_table.RangesAgree)
        {
            await FindExtraAsync(cancellationToken);
        }

        // Whoever stops before this has rows in the report that are not repaired, and none that nobody knows of.
        Update(_progress with { Repaired = _progress.Repaired + await _resolver.RepairWaitingAsync(cancellationToken) });
        Update(_progress with { Done = true, After = null });
    }

    private async Task CompareRangesAsync(CancellationToken cancellationToken)
    {
        for (var ended = false; !ended;)
        {
            await FaultPoints.HitAsync("diff.chunk.before", cancellationToken);
            var rows = new Dictionary<byte[], byte[]>(PackedRow.ByteComparer.Instance);
            byte[]? last;
            (last, ended) = await ReadLeftAsync(rows, cancellationToken);
            var count = rows.Count;
            if (_table.RangesAgree)
            {
                await MatchRangeAsync(rows, ended ? null : last, cancellationToken);
            }
            else
            {
                await MatchKeysAsync(rows, cancellationToken);
            }

            _suspects.AddRange(rows.Keys);
            await ResolveAsync(cancellationToken);
            Update(_progress with { Rows = _progress.Rows + count, After = last });
        }
    }

    private async Task<(byte[]? Last, bool Ended)> ReadLeftAsync(Dictionary<byte[], byte[]> rows, CancellationToken cancellationToken)
    {
        var key = _table.LeftKey;
        var where = _progress.After is { } after ? $" WHERE {key.After(after)}" : "";
        byte[]? last = null;
        long sizeBytes = 0, readBytes = 0;
        var limit = _chunkRows;
        await _left.VisitAsync($"{_table.Select(left: true)}{where} ORDER BY {key.OrderBy} LIMIT {limit}", (row, read) =>
        {
            last = row[..PackedRow.PrefixLength(row, _table.KeyLength)].ToArray();
            rows[last] = row.ToArray();
            sizeBytes += row.Length;
            readBytes += read;
            return sizeBytes < _options.ChunkSizeBytes;
        }, cancellationToken);
        var cut = sizeBytes >= _options.ChunkSizeBytes;
        FitChunk(rows.Count, Math.Max(sizeBytes, readBytes));
        return (last, !cut && rows.Count < limit);
    }

    // The next rows are taken to be as long as those just read.
    private void FitChunk(int rows, long bytes) =>
        _chunkRows = (int)Math.Clamp(_options.ChunkSizeBytes / Math.Max(1, bytes / Math.Max(1, rows)), FewestRows, _options.ChunkRows);

    /// <summary>Takes out of <paramref name="rows"/> what the same range of the other side has.</summary>
    private async Task MatchRangeAsync(Dictionary<byte[], byte[]> rows, byte[]? upTo, CancellationToken cancellationToken)
    {
        var find = rows.GetAlternateLookup<ReadOnlySpan<byte>>();
        var after = _progress.After;
        var key = _table.RightKey;
        for (var more = true; more;)
        {
            string?[] conditions = [after is null ? null : $"({key.After(after)})", upTo is null ? null : $"({key.UpTo(upTo)})"];
            var where = string.Join(" AND ", conditions.Where(c => c is not null));
            var read = 0;
            long sizeBytes = 0;
            var limit = _chunkRows;
            await _right.VisitAsync(
                $"{_table.Select(left: false)}{(where.Length > 0 ? " WHERE " + where : "")} ORDER BY {key.OrderBy} LIMIT {limit}", (row, bytes) =>
                {
                    read++;
                    sizeBytes += row.Length;
                    var rowKey = row[..PackedRow.PrefixLength(row, _table.KeyLength)];
                    after = rowKey.ToArray();
                    if (!find.Remove(rowKey, out _, out var mine) || !_table.Same(mine, row))
                    {
                        _suspects.Add(after);
                    }

                    return sizeBytes < 2L * _options.ChunkSizeBytes;
                }, cancellationToken);
            more = read == limit || sizeBytes >= 2L * _options.ChunkSizeBytes;
            if (_suspects.Count >= _options.SuspectsAtOnce)
            {
                await ResolveAsync(cancellationToken);
            }
        }
    }

    private async Task MatchKeysAsync(Dictionary<byte[], byte[]> rows, CancellationToken cancellationToken)
    {
        foreach (var (key, other) in await _right.ReadAsync([.. rows.Keys], forUpdate: false, cancellationToken))
        {
            if (rows.Remove(key, out var mine) && !_table.Same(mine, other))
            {
                _suspects.Add(key);
            }
        }
    }

    /// <summary>The following side's keys, in its own order, looked up on the authoritative side.</summary>
    private async Task FindExtraAsync(CancellationToken cancellationToken)
    {
        var key = _table.RightKey;
        for (var ended = false; !ended;)
        {
            var keys = new List<byte[]>();
            var where = _progress.After is { } after ? $" WHERE {key.After(after)}" : "";
            long sizeBytes = 0, readBytes = 0;
            var limit = _chunkRows;
            await _right.VisitAsync($"{_table.Select(left: false)}{where} ORDER BY {key.OrderBy} LIMIT {limit}", (row, bytes) =>
            {
                keys.Add(row[..PackedRow.PrefixLength(row, _table.KeyLength)].ToArray());
                sizeBytes += row.Length;
                readBytes += bytes;
                return sizeBytes < 2L * _options.ChunkSizeBytes;
            }, cancellationToken);
            ended = keys.Count < limit && sizeBytes < 2L * _options.ChunkSizeBytes;
            FitChunk(keys.Count, Math.Max(sizeBytes, readBytes));
            var found = await _left.ReadAsync(keys, forUpdate: false, cancellationToken);
            _suspects.AddRange(keys.Where(k => !found.ContainsKey(k)));
            await ResolveAsync(cancellationToken);
            Update(_progress with { After = keys.Count > 0 ? keys[^1] : _progress.After });
        }
    }

    private async Task ResolveAsync(CancellationToken cancellationToken)
    {
        // A key can be suspected twice, from the end of one range and the beginning of another when the orders disagree.
        foreach (var some in _suspects.Distinct(PackedRow.ByteComparer.Instance).Chunk(_options.SuspectsAtOnce))
        {
            foreach (var verdict in await _resolver.ResolveAsync(some, cancellationToken))
            {
                Count(verdict);
            }
        }

        _suspects.Clear();
    }

    private void Count(Verdict verdict)
    {
        var difference = RowDifferences.Describe(_table, verdict.Key, verdict.Left, verdict.Right, _options.ShowValues);
        _progress = With(_progress, difference, verdict.Repaired);
        if (verdict.Repaired)
        {
            // It is the same when the chunk is read again.
            _reported = With(_reported, difference, isRepaired: true);
            _report(_reported);
        }
    }

    private TableProgress With(TableProgress progress, RowDifference difference, bool isRepaired) => progress with
    {
        Missing = progress.Missing + (difference.Kind == DifferenceKind.Missing ? 1 : 0),
        Extra = progress.Extra + (difference.Kind == DifferenceKind.Extra ? 1 : 0),
        Different = progress.Different + (difference.Kind == DifferenceKind.Different ? 1 : 0),
        Repaired = progress.Repaired + (isRepaired ? 1 : 0),
        Samples = progress.Samples.Count < _options.SamplesPerTable ? [.. progress.Samples, difference] : progress.Samples,
    };

    private void Update(TableProgress progress)
    {
        _progress = _reported = progress;
        _report(progress);
    }
}
