using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Two real servers, a proxy, a store and the migrations of one process.</summary>
internal sealed class RealWorld : IAsyncDisposable
{
    public const string AppPassword = "App-Passw0rd!";
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-real-").FullName;
    private readonly RecordingLoggers _loggers = new();
    private readonly int _port = FreePort.Next();
    private SqliteTopologyStore _store = null!;
    private ProxyServer _proxy = null!;

    public required LabServer Source { get; init; }

    public required LabServer Target { get; init; }

    public string Schema { get; } = LabServer.UniqueSchema();

    public string AppUser => $"app_{Schema}";

    public TopologyRepository Topology { get; private set; } = null!;

    public TopologyView View { get; private set; } = null!;

    public MigrationService Service { get; private set; } = null!;

    /// <summary>The engine's limits, from the next start of the process on.</summary>
    public MigrationServiceOptions Limits { get; set; } = new();

    /// <summary>Switchyard's own account on the target, where it shall have no more than it needs.</summary>
    public string LimitedUser => $"own_{Schema}";

    public static Task<RealWorld> StartAsync(string source, string target, params string[] tables) => StartAsync(source, target, limited: false, tables);

    /// <param name="source">The source's server.</param>
    /// <param name="target">The target's server.</param>
    /// <param name="limited">Switchyard has an account of its own on the target instead of an administrator's.</param>
    /// <param name="tables">Made on the source.</param>
    public static async Task<RealWorld> StartAsync(string source, string target, bool limited, params string[] tables) =>
        await StartAsync(await LabServer.SharedAsync(source, "source"), await LabServer.SharedAsync(target, "target"), limited, tables);

    public static async Task<RealWorld> StartAsync(LabServer source, LabServer target, bool limited, params string[] tables)
    {
        var world = new RealWorld { Source = source, Target = target };
        await using (var admin = await world.OpenSourceAsync(schema: false))
        {
            await admin.ExecuteAsync($"CREATE DATABASE {world.Schema} CHARACTER SET utf8mb4", default);
            await admin.ChangeSchemaAsync(world.Schema, default);
            foreach (var statement in tables)
            {
                await admin.ExecuteAsync(statement, default);
            }

            await admin.ExecuteAsync($"CREATE USER '{world.AppUser}'@'%' IDENTIFIED BY '{AppPassword}'", default);
            await admin.ExecuteAsync($"GRANT ALL ON {world.Schema}.* TO '{world.AppUser}'@'%'", default);
        }

        var targetDsn = world.Target.Dsn;
        if (limited)
        {
            await using var admin = await BackendConnection.OpenAsync(world.TargetOptions, default);
            await admin.ExecuteAsync($"CREATE USER '{world.LimitedUser}'@'%' IDENTIFIED BY '{AppPassword}'", default);
            await admin.ExecuteAsync($"GRANT ALL ON *.* TO '{world.LimitedUser}'@'%' WITH GRANT OPTION", default);
            targetDsn = $"mysql://{world.LimitedUser}:{Uri.EscapeDataString(AppPassword)}@127.0.0.1:{world.Target.Port}/";
        }

        await world.OpenAsync();
        var routing = await world.Topology.GetRoutingAsync();
        var made = await world.Topology.Begin()
            .Put(new Backend("a", world.Source.Dsn)).Put(new Backend("b", targetDsn))
            .Require(routing).Put(routing.Value with { DefaultBackend = "a" }).CommitAsync();
        await world.View.CatchUpAsync(made.Revision);
        return world;
    }

    public ConnectionOptions SourceOptions => ConnectionOptions.Parse(Source.Dsn);

    public ConnectionOptions TargetOptions => ConnectionOptions.Parse(Target.Dsn);

    public Task<BackendConnection> OpenSourceAsync(bool schema = true) => BackendConnection.OpenAsync(SourceOptions with { Schema = schema ? Schema : null }, default);

    public Task<BackendConnection> OpenTargetAsync() => BackendConnection.OpenAsync(TargetOptions with { Schema = Schema }, default);

    /// <summary>The application's connection, through the proxy.</summary>
    public Task<BackendConnection> OpenAppAsync(string password = AppPassword) => BackendConnection.OpenAsync(
        new ConnectionOptions { Host = "127.0.0.1", Port = _port, User = AppUser, Password = password, Schema = Schema }, default);

    /// <summary>This migration's streams recorded on a server; the server is shared, so other tests' may stand beside them.</summary>
    public async Task<long> CountStreamsAsync(BackendConnection server) =>
        (await server.QueryAsync("SELECT 1 FROM information_schema.tables WHERE table_schema='_switchyard' AND table_name='stream'", default)).RowCount == 0
            ? 0
            : (await server.QueryAsync($"SELECT COUNT(*) FROM _switchyard.stream WHERE id LIKE '{Schema}.%'", default)).GetInt64(0, 0);

    public Task<MigrationStatus> CreateAsync() => Service.CreateAsync(new CreateMigrationRequest { Name = Schema, Source = "a", Target = "b", Schema = Schema }, default);

    public async Task<MigrationStatus> UntilAsync(MigrationState state)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (true)
        {
            var status = await Service.StatusAsync(Schema, limit.Token);
            if (status.State == state && (state != MigrationState.Running || status.Stream.State == "running"))
            {
                return status;
            }

            Assert.True(status.State != MigrationState.Error || state == MigrationState.Error, $"{status.Error}\n{_loggers}");
            await Task.Delay(20, limit.Token);
        }
    }

    /// <summary>Returns once the stream away from the authoritative side runs again.</summary>
    /// <param name="repairs">What has ended for want of a server, now or as soon as it notices, is repaired.</param>
    public async Task UntilFollowingAsync(bool repairs = false)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (true)
        {
            var status = await Service.StatusAsync(Schema, limit.Token);
            if (repairs && status is { State: MigrationState.Error } or { Operation: not null })
            {
                await Service.RepairAsync(Schema, limit.Token);
                continue;
            }

            if ((status.Writes == "a" ? status.Stream : status.Reverse).State == "running")
            {
                return;
            }

            Assert.True(status.State != MigrationState.Error, $"{status.Error}\n{_loggers}");
            await Task.Delay(20, limit.Token);
        }
    }

    public async Task<DiffReport> DiffAsync(bool showValues = true)
    {
        await Service.StartDiffAsync(Schema, new DiffRequest { ShowValues = showValues }, default);
        var report = await Service.WaitDiffAsync(Schema, default);
        Assert.True(report.State is "clean" or "differences", $"{report.Summary}\n{_loggers}");
        return report;
    }

    /// <summary>The process ends and another begins on the same store.</summary>
    public async Task RestartAsync()
    {
        await CloseAsync();
        await OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        try
        {
            await using var source = await OpenSourceAsync(schema: false);
            await using var target = await BackendConnection.OpenAsync(TargetOptions, default);
            await source.ExecuteAsync($"DROP DATABASE IF EXISTS {Schema}", default);
            await target.ExecuteAsync($"DROP DATABASE IF EXISTS {Schema}", default);
        }
        catch (BackendUnavailableException)
        {
            // A test that killed a server has failed before it started it again: what it has to say must not be hidden.
        }

        Directory.Delete(_directory, recursive: true);
    }

    public override string ToString() => _loggers.ToString();

    private async Task OpenAsync()
    {
        _store = await SqliteTopologyStore.OpenAsync(Path.Combine(_directory, "store.db"), TimeProvider.System);
        var secrets = SecretProtector.Load(Path.Combine(_directory, "key"), null);
        Topology = new TopologyRepository(_store, secrets, TimeProvider.System);
        View = await TopologyView.OpenAsync(_store, secrets);
        var applied = new AppliedPositions();
        var validation = new ReadValidation();
        var observed = new ObservedStatements();
        Service = await MigrationService.OpenAsync(Topology, View, applied, validation, TimeProvider.System, _loggers, Limits with { Observed = observed }, default);
        _proxy = new ProxyServer(
            new ProxyOptions { Id = "p1", Listen = new IPEndPoint(IPAddress.Loopback, _port), Observed = observed }, View, Topology, applied, validation, TimeProvider.System, _loggers.CreateLogger<ProxyServer>());
        await _proxy.StartAsync();
    }

    private async Task CloseAsync()
    {
        await _proxy.StopAsync();
        await _proxy.DisposeAsync();
        await Service.DisposeAsync();
        await View.DisposeAsync();
        await _store.DisposeAsync();
    }

    /// <summary>Keeps the last warnings and errors, for the message of a failed test.</summary>
    private sealed class RecordingLoggers : ILoggerFactory
    {
        private readonly Queue<string> _lines = new();

        public ILogger CreateLogger(string categoryName) => new Line(this, categoryName);

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
        }

        public override string ToString()
        {
            lock (_lines)
            {
                return string.Join('\n', _lines);
            }
        }

        private void Add(string line)
        {
            lock (_lines)
            {
                _lines.Enqueue(line);
                while (_lines.Count > 40)
                {
                    _lines.Dequeue();
                }
            }
        }

        private sealed class Line(RecordingLoggers owner, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => NullLogger.Instance.BeginScope(state);

            public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            {
                if (IsEnabled(logLevel))
                {
                    owner.Add($"{logLevel} {category}: {formatter(state, exception)} {exception}");
                }
            }
        }
    }
}
