using System.Collections.Concurrent;
using System.Diagnostics;
using Switchyard.Client;

namespace Switchyard.Migration.Tests.Real;

/// <summary>
/// Clients that write through the proxy without a pause and keep a ledger of what was acknowledged. Any error a client sees is kept; the
/// application would have seen it too.
/// </summary>
internal sealed class Workload : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly Task[] _clients;
    private readonly int[] _acknowledged;
    private readonly int[] _stale;

    private readonly int _first;

    private Workload(RealWorld world, int clients, int first)
    {
        _first = first;
        _acknowledged = new int[clients];
        _stale = new int[clients];
        _clients = [.. Enumerable.Range(0, clients).Select(i => Task.Factory.StartNew(() => RunAsync(world, i), TaskCreationOptions.LongRunning).Unwrap())];
    }

    public static string[] Tables => TablesFor("mariadb-10.11");

    /// <summary>The tables, with what the server can do: MySQL 5.6 has no generated columns and no JSON.</summary>
    public static string[] TablesFor(string server) =>
    [
        $$"""
        CREATE TABLE orders (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer VARCHAR(60) NOT NULL, amount DECIMAL(12,2) NOT NULL,
          price DOUBLE NOT NULL DEFAULT 0, note TEXT, picture BLOB, state ENUM('new','paid','sent') NOT NULL DEFAULT 'new', created DATETIME(3) NOT NULL,
          {{(server == "mysql-5.6" ? "" : "doubled DECIMAL(13,2) GENERATED ALWAYS AS (amount * 2) STORED, ")}}KEY by_customer (customer)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
        """,
        "CREATE TABLE ledger (client INT NOT NULL, seq INT NOT NULL, payload VARBINARY(64) NOT NULL, PRIMARY KEY (client, seq)) ENGINE=InnoDB",
        $"CREATE TABLE words (word VARCHAR(40) CHARACTER SET utf8mb4 NOT NULL PRIMARY KEY, meaning VARCHAR(200), doc {(server == "mysql-5.6" ? "TEXT" : "JSON")}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
    ];

    public IReadOnlyCollection<string> Errors => _errors;

    public int Acknowledged => _acknowledged.Sum();

    public int Stale => _stale.Sum();

    public TimeSpan LongestStall { get; private set; }

    /// <param name="world">Where they run.</param>
    /// <param name="clients">How many.</param>
    /// <param name="first">The first one's number; each has rows of its own.</param>
    public static Workload Start(RealWorld world, int clients = 4, int first = 0) => new(world, clients, first);

    /// <summary>Returns once every client has had another write acknowledged, or one has seen an error.</summary>
    public async Task UntilWrittenAsync()
    {
        var before = _acknowledged.ToArray();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (_errors.IsEmpty && _acknowledged.Where((a, i) => a == before[i]).Any())
        {
            await Task.Delay(5, limit.Token);
        }
    }

    public static async Task FillAsync(RealWorld world, int orders)
    {
        await using var connection = await world.OpenSourceAsync();
        for (var at = 0; at < orders; at += 500)
        {
            var rows = Enumerable.Range(at, Math.Min(500, orders - at)).Select(i => $"('Müller {i}', {i}.25, {i}/7, REPEAT('ö', {i % 50}), x'00ff{i % 256:x2}', {(i % 3) + 1}, '2024-01-01 00:00:00.123')");
            await connection.ExecuteAsync($"INSERT INTO orders (customer, amount, price, note, picture, state, created) VALUES {string.Join(",", rows)}", default);
        }

        await connection.ExecuteAsync("INSERT INTO words VALUES ('Apfel', 'apple', '{\"b\": [1, 2.50, null], \"a\": \"ö\"}'), ('zebra', NULL, NULL), ('Öl', 'oil', '{}'), ('_x', '', '[]')", default);
    }

    /// <summary>Ends the clients and counts the acknowledged writes that a side does not have.</summary>
    public async Task<int> StopAndCountLostAsync(BackendConnection authoritative)
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
        var lost = 0;
        for (var client = 0; client < _acknowledged.Length; client++)
        {
            var rows = await authoritative.QueryAsync($"SELECT COUNT(*) FROM ledger WHERE client={_first + client} AND seq<{_acknowledged[client]}", default);
            lost += _acknowledged[client] - (int)rows.GetInt64(0, 0);
        }

        return lost;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
    }

    private async Task RunAsync(RealWorld world, int index)
    {
        var client = _first + index;
        try
        {
            await using var connection = await world.OpenAppAsync();
            await using var other = await world.OpenAppAsync();
            for (var seq = 0; !_stop.IsCancellationRequested; seq++)
            {
                var began = Stopwatch.GetTimestamp();
                await connection.ExecuteAsync("START TRANSACTION", default);
                await connection.ExecuteAsync($"INSERT INTO ledger VALUES ({client}, {seq}, x'{seq:x8}')", default);
                await connection.ExecuteAsync($"UPDATE orders SET amount=amount+0.01, state='paid', note=CONCAT('n', {seq}) WHERE id={1 + (seq * 7 % 200)}", default);
                await connection.ExecuteAsync("COMMIT", default);
                _acknowledged[index] = seq + 1;
                await connection.ExecuteAsync($"INSERT INTO orders (customer, amount, created) VALUES ('c{client}', {seq}, NOW(3))", default);
                var read = await other.QueryAsync($"SELECT MAX(seq) FROM ledger WHERE client={client}", default);
                if (read.IsNull(0, 0) || read.GetInt64(0, 0) < seq)
                {
                    _stale[index]++;
                }

                if (seq % 5 == 0)
                {
                    await connection.ExecuteAsync($"DELETE FROM orders WHERE customer='c{client}' ORDER BY id LIMIT 2", default);
                }

                var took = Stopwatch.GetElapsedTime(began);
                LongestStall = took > LongestStall ? took : LongestStall;
            }
        }
        catch (Exception e)
        {
            _errors.Enqueue($"client {client} after {_acknowledged[index]}: {e.GetType().Name} {e.Message}");
        }
    }
}
