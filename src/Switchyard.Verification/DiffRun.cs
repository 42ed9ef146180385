using System.Collections.Concurrent;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Values;

namespace Switchyard.Verification;

/// <summary>
/// A full, live comparison of the tables of a migration: every row and every column, while both sides go on. Correct without stopping
/// replication, because what differs is only believed after replication has provably delivered what the other side showed.
/// </summary>
public sealed class DiffRun
{
    private readonly DiffOptions _options;
    private readonly ConcurrentDictionary<string, TableProgress> _tables = new(StringComparer.Ordinal);

    /// <summary>Makes a comparison.</summary>
    /// <param name="options">What to compare.</param>
    /// <param name="resume">Where a stopped comparison stood; null to begin anew.</param>
    public DiffRun(DiffOptions options, IReadOnlyList<TableProgress>? resume = null)
    {
        _options = options;
        foreach (var table in options.Tables)
        {
            var name = options.NameOf(table);
            _tables[name] = resume?.FirstOrDefault(p => string.Equals(p.Name, name, StringComparison.Ordinal)) ?? new TableProgress { Name = name };
        }
    }

    /// <summary>What is compared so far, by table name. May be read at any time from any thread.</summary>
    public IReadOnlyList<TableProgress> Progress => [.. _tables.Values.OrderBy(t => t.Name, StringComparer.Ordinal)];

    /// <summary>Called after every chunk with the table's new state; on the comparing worker, so it must be quick.</summary>
    public event Action<TableProgress>? Advanced;

    /// <summary>Compares what is not compared yet.</summary>
    /// <exception cref="InvalidOperationException">A table cannot be compared, or replication stands still; the sentence says what to do.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var (left, right, crossVendor, readsJsonTypes) = await ReadSchemasAsync(cancellationToken);
        var pairs = new List<TablePair>();
        foreach (var table in _options.Tables)
        {
            if (!left.ContainsKey(table) && !right.ContainsKey(table))
            {
                // Dropped on one side, and so on the other.
                Report(new TableProgress { Name = _options.NameOf(table), Done = true });
                continue;
            }

            pairs.Add(new TablePair(Find(left, table, "authoritative"), Find(right, table, "following"), crossVendor, readsJsonTypes));
        }

        var queue = new ConcurrentQueue<TablePair>(pairs.Where(p => !Of(p).Done).OrderByDescending(p => p.Left.DataLength));
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var workers = Enumerable.Range(0, Math.Max(1, Math.Min(_options.Workers, queue.Count))).Select(_ => WorkAsync(queue, failed)).ToList();
        await Task.WhenAll(workers);
    }

    private static TableDefinition Find(Dictionary<TableName, TableDefinition> tables, TableName name, string side) =>
        tables.TryGetValue(name, out var table) ? table : throw new InvalidOperationException($"The table {name} does not exist on the {side} side.");

    private async Task<(Dictionary<TableName, TableDefinition> Left, Dictionary<TableName, TableDefinition> Right, bool CrossVendor, bool ReadsJsonTypes)> ReadSchemasAsync(
        CancellationToken cancellationToken)
    {
        await using var left = await DiffSession.OpenAsync(_options.From, cancellationToken);
        await using var right = await DiffSession.OpenAsync(_options.To, cancellationToken);
        return (
            await ReadAsync(left, cancellationToken), await ReadAsync(right, cancellationToken), left.Server.Vendor != right.Server.Vendor,
            TypedJson.IsReadBy(left.Server) && TypedJson.IsReadBy(right.Server));
    }

    private async Task<Dictionary<TableName, TableDefinition>> ReadAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        var tables = new Dictionary<TableName, TableDefinition>();
        foreach (var schema in _options.Tables.Select(t => t.Schema).Distinct(StringComparer.Ordinal))
        {
            foreach (var table in await SchemaReader.ReadTablesAsync(connection, schema, cancellationToken))
            {
                tables[table.Name] = table;
            }
        }

        return tables;
    }

    private async Task WorkAsync(ConcurrentQueue<TablePair> queue, CancellationTokenSource failed)
    {
        try
        {
            await using var left = await DiffSession.OpenAsync(_options.From, failed.Token);
            await using var right = await DiffSession.OpenAsync(_options.To, failed.Token);
            while (queue.TryDequeue(out var pair))
            {
                var diff = new TableDiff(_options, pair, left, right, Of(pair), Report);
                await diff.RunAsync(failed.Token);
            }
        }
        catch
        {
            await failed.CancelAsync();
            throw;
        }
    }

    private TableProgress Of(TablePair pair) => _tables[_options.NameOf(pair.Left.Name)];

    private void Report(TableProgress progress)
    {
        _tables[progress.Name] = progress;
        Advanced?.Invoke(progress);
    }
}
