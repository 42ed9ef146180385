using System.Collections.Concurrent;
using System.Diagnostics;
using Switchyard.Client;

namespace Switchyard.Integration.Tests.Cutover;

/// <summary>
/// Applications of every kind that write and read without a pause, each with its own memory of what was acknowledged to it. A write that
/// got an answer is on the authoritative side once and only once; one whose answer was lost with its connection is there once or not at all.
/// </summary>
internal sealed class LedgerClients : IAsyncDisposable
{
    public const int MaxClients = 64;

    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly Func<CancellationToken, Task<BackendConnection>> _open;
    private readonly bool _mayLoseConnections;
    private readonly Client[] _clients;
    private readonly Task[] _tasks;
    private long _longestTicks;

    private LedgerClients(Func<CancellationToken, Task<BackendConnection>> open, int count, bool mayLoseConnections, int firstWrite)
    {
        _open = open;
        _mayLoseConnections = mayLoseConnections;
        _clients = [.. Enumerable.Range(0, count).Select(i => new Client(i) { Next = firstWrite })];
        _tasks = [.. _clients.Select(c => Task.Factory.StartNew(() => RunAsync(c), TaskCreationOptions.LongRunning).Unwrap())];
    }

    /// <summary>No key keeps a write from being there twice: that must be seen, not prevented.</summary>
    public static string[] Tables { get; } =
    [
        "CREATE TABLE ledger (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL, seq INT NOT NULL, note VARCHAR(60), KEY by_client (client, seq)) ENGINE=InnoDB",
        "CREATE TABLE counters (client INT NOT NULL PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB",
        // Rows that are there already: no two clients wait for each other's gaps.
        $"INSERT INTO counters VALUES {string.Join(", ", Enumerable.Range(0, MaxClients).Select(i => $"({i}, 0)"))}",
    ];

    public IReadOnlyCollection<string> Errors => _errors;

    public int Acknowledged => _clients.Sum(c => c.Acknowledged.Count);

    /// <param name="open">Opens a connection as the application does.</param>
    /// <param name="count">How many clients; every seventh is of the same kind.</param>
    /// <param name="mayLoseConnections">What they talk to will be killed: a lost connection is opened again and is no error.</param>
    /// <param name="firstWrite">What the first write of each is numbered; beyond what others have written.</param>
    public static LedgerClients Start(Func<CancellationToken, Task<BackendConnection>> open, int count, bool mayLoseConnections, int firstWrite = 0) => new(open, count, mayLoseConnections, firstWrite);

    /// <summary>The longest statement since this was asked last, the wait for a connection included.</summary>
    public TimeSpan TakeLongest() => new(Interlocked.Exchange(ref _longestTicks, 0));

    /// <summary>Returns once every client has had another write acknowledged.</summary>
    public async Task UntilAllWentOnAsync()
    {
        var before = _clients.Select(c => c.Acknowledged.Count).ToArray();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (_clients.Where((c, i) => c.Acknowledged.Count == before[i]).Any() && _errors.IsEmpty)
        {
            await Task.Delay(5, limit.Token);
        }
    }

    /// <summary>Ends the clients.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_tasks);
    }

    /// <summary>What is wrong on the authoritative side; empty when every write is there as often as it should be. Safe while they run.</summary>
    public async Task<IReadOnlyList<string>> AuditAsync(BackendConnection authoritative)
    {
        var expected = _clients.Select(c => (c.Number, Acknowledged: c.Acknowledged.ToArray())).ToArray();
        var rows = await authoritative.QueryAsync("SELECT client, seq, COUNT(*) FROM ledger GROUP BY client, seq", default);
        var found = rows.Rows.ToDictionary(r => (Client: (int)r.GetInt64(0), Seq: (int)r.GetInt64(1)), r => r.GetInt64(2));
        var wrong = found.Where(f => f.Value != 1).Select(f => $"write {f.Key.Seq} of client {f.Key.Client} is there {f.Value} times").ToList();
        wrong.AddRange(expected.SelectMany(c => c.Acknowledged.Where(seq => !found.ContainsKey((c.Number, seq))).Select(seq => $"acknowledged write {seq} of client {c.Number} is lost")));
        return wrong;
    }

    /// <summary>Once they have ended: each counter is as high as the transactions that raised it.</summary>
    public static async Task<long> CountTornTransactionsAsync(BackendConnection authoritative) => (await authoritative.QueryAsync(
        "SELECT COUNT(*) FROM counters c WHERE c.n > 0 AND c.n <> (SELECT COUNT(*) FROM ledger l WHERE l.client=c.client)", default)).GetInt64(0, 0);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task RunAsync(Client client)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await TimedAsync(() => _open(default));
                await using var other = await TimedAsync(() => _open(default));
                var worker = new Worker(this, client, connection, other);
                await worker.BeginAsync();
                do
                {
                    await worker.WriteAsync(client.Next++);
                }
                while (!_stop.IsCancellationRequested && client.Kind != Kind.Short);
            }
            catch (BackendUnavailableException) when (_mayLoseConnections)
            {
                // What it was writing may be there or not; it goes on with the next.
                await Task.Delay(20, CancellationToken.None);
            }
            catch (Exception e)
            {
                _errors.Enqueue($"client {client.Number} ({client.Kind}) at {client.Next - 1}, {DateTime.UtcNow:HH:mm:ss.fff}: {e.GetType().Name} {e.Message}");
                return;
            }
        }
    }

    private async Task<T> TimedAsync<T>(Func<Task<T>> act)
    {
        var began = Stopwatch.GetTimestamp();
        var result = await act();
        var took = Stopwatch.GetElapsedTime(began).Ticks;
        for (var longest = Interlocked.Read(ref _longestTicks); took > longest; longest = Interlocked.Read(ref _longestTicks))
        {
            Interlocked.CompareExchange(ref _longestTicks, took, longest);
        }

        return result;
    }

    private enum Kind
    {
        Autocommit,
        Transaction,
        Prepared,
        PreparedTransaction,
        Short,
        NoAutocommit,
        MultiStatement,
    }

    private sealed class Client(int number)
    {
        public int Number => number;

        public Kind Kind { get; } = (Kind)(number % 7);

        public ConcurrentQueue<int> Acknowledged { get; } = new();

        public int Next { get; set; }
    }

    /// <summary>A client with its two pooled connections.</summary>
    private sealed class Worker(LedgerClients owner, Client client, BackendConnection connection, BackendConnection other)
    {
        private PreparedStatement? _insert;
        private PreparedStatement? _read;

        public async Task BeginAsync()
        {
            await RunAsync($"SET @me = {client.Number}, time_zone = '+00:00'");
            if (client.Kind == Kind.NoAutocommit)
            {
                await RunAsync("SET autocommit = 0");
            }

            if (client.Kind is Kind.Prepared or Kind.PreparedTransaction)
            {
                _insert = await owner.TimedAsync(() => connection.PrepareAsync("INSERT INTO ledger (client, seq, note) VALUES (?, ?, ?)", default));
                _read = await owner.TimedAsync(() => other.PrepareAsync("SELECT COUNT(*), MAX(note) FROM ledger WHERE client = ? AND seq = ?", default));
            }
        }

        public async Task WriteAsync(int seq)
        {
            switch (client.Kind)
            {
                case Kind.Transaction:
                    await RunAsync("START TRANSACTION");
                    await InsertAsync(seq);
                    await CountAsync();
                    await RunAsync("COMMIT");
                    break;
                case Kind.PreparedTransaction:
                    await RunAsync("BEGIN");
                    await ExecuteAsync(seq);
                    await CountAsync();
                    await RunAsync("COMMIT");
                    break;
                case Kind.NoAutocommit:
                    await InsertAsync(seq);
                    await CountAsync();
                    await RunAsync("COMMIT");
                    break;
                case Kind.Prepared:
                    await ExecuteAsync(seq);
                    break;
                case Kind.MultiStatement:
                    await owner.TimedAsync(() => connection.ExecuteMultiAsync(
                        $"BEGIN; INSERT INTO ledger (client, seq, note) VALUES (@me, {seq}, 'multi'); UPDATE counters SET n = n + 1 WHERE client = @me; COMMIT", default));
                    break;
                default:
                    await InsertAsync(seq);
                    break;
            }

            client.Acknowledged.Enqueue(seq);
            await ReadOwnAsync(seq);
        }

        private Task InsertAsync(int seq) => RunAsync($"INSERT INTO ledger (client, seq, note) VALUES (@me, {seq}, 'text')");

        private Task CountAsync() => RunAsync("UPDATE counters SET n = n + 1 WHERE client = @me");

        private Task ExecuteAsync(int seq) => owner.TimedAsync(() => _insert!.ExecuteAsync([client.Number, seq, $"bound {seq}"], default));

        /// <summary>On the other connection, as an application with a pool reads: its own write is there.</summary>
        private async Task ReadOwnAsync(int seq)
        {
            var result = _read is { } read
                ? await owner.TimedAsync(() => read.QueryAsync([client.Number, seq], default))
                : await owner.TimedAsync(() => other.QueryAsync($"SELECT COUNT(*), MAX(note) FROM ledger WHERE client = {client.Number} AND seq = {seq}", default));
            var count = result.GetInt64(0, 0);
            if (count != 1)
            {
                throw new InvalidOperationException($"its own write {seq} was read {count} times right after it was acknowledged");
            }
        }

        private Task<OkResult> RunAsync(string sql) => owner.TimedAsync(() => connection.ExecuteAsync(sql, default));
    }
}
