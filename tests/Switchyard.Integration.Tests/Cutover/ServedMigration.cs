using System.Diagnostics;
using Switchyard.Api;
using Switchyard.Cli;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Migration;
using Switchyard.Replication.Target;

namespace Switchyard.Integration.Tests.Cutover;

/// <summary>A migration between two real servers, run by the real executable.</summary>
internal sealed class ServedMigration : IAsyncDisposable
{
    private const string Password = "App-Passw0rd!";
    private readonly LabServer _source;
    private readonly LabServer _target;
    private readonly string _schema = LabServer.UniqueSchema();

    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-served-").FullName;

    private ServedMigration(LabServer source, LabServer target) => (_source, _target) = (source, target);

    public string Schema => _schema;

    public ServeProcess Serve { get; private set; } = null!;

    public ApiClient Api { get; private set; } = null!;

    /// <summary>The end of what the process has written.</summary>
    public string Log => string.Join('\n', Serve.Log.Split('\n').TakeLast(40));

    public static async Task<ServedMigration> StartAsync(string source, string target, params string[] statements) =>
        await StartAsync(await LabServer.SharedAsync(source, "source"), await LabServer.SharedAsync(target, "target"), statements);

    public static async Task<ServedMigration> StartAsync(LabServer source, LabServer target, params string[] statements)
    {
        var migration = new ServedMigration(source, target);
        await using (var admin = await BackendConnection.OpenAsync(ConnectionOptions.Parse(migration._source.Dsn), default))
        {
            await admin.ExecuteAsync($"CREATE DATABASE {migration._schema} CHARACTER SET utf8mb4", default);
            await admin.ChangeSchemaAsync(migration._schema, default);
            foreach (var statement in statements)
            {
                await admin.ExecuteAsync(statement, default);
            }

            await admin.ExecuteAsync($"CREATE USER '{migration._schema}'@'%' IDENTIFIED BY '{Password}'", default);
            await admin.ExecuteAsync($"GRANT ALL ON {migration._schema}.* TO '{migration._schema}'@'%'", default);
        }

        migration.Serve = await ServeProcess.StartAsync(
            ServeProcess.Release, migration._directory, new Dictionary<string, string> { ["a"] = migration._source.Dsn, ["b"] = migration._target.Dsn }, "a");
        migration.Api = new ApiClient(new Uri($"http://127.0.0.1:{migration.Serve.ApiPort}"), null);
        return migration;
    }

    public Task<BackendConnection> OpenAppAsync(CancellationToken cancellationToken) => BackendConnection.OpenAsync(
        new ConnectionOptions { Host = "127.0.0.1", Port = Serve.ProxyPort, User = _schema, Password = Password, Schema = _schema }, cancellationToken);

    /// <summary>Returns once the armed fault point has killed it, and not it itself.</summary>
    public async Task UntilKilledAsync()
    {
        const int KilledBySigkill = 137;
        var code = await Serve.WaitForExitAsync();
        Assert.True(code == KilledBySigkill, $"It ended with exit code {code}.\n{Log}");
    }

    /// <summary>Creates the migration and returns once it follows.</summary>
    public async Task BeginAsync()
    {
        await Api.PostAsync<MigrationStatus>("migrations", new CreateMigrationRequest { Name = _schema, Source = "a", Target = "b", Schema = _schema }, default);
        await UntilAsync(MigrationState.Running);
        await PostAsync<CopyAccountsReport>("accounts/copy", new CopyAccountsRequest());
    }

    public async Task<MigrationStatus> StatusAsync() => (await Api.GetAsync<MigrationStatus>($"migrations/{_schema}/status", default)).Value;

    public async Task<T> PostAsync<T>(string verb, object? body = null) => (await Api.PostAsync<T>($"migrations/{_schema}/{verb}", body, default)).Value;

    /// <summary>Away from the side it is on now.</summary>
    public Task<SwitchReport> ChangeSidesAsync(bool fromSource) => PostAsync<SwitchReport>(fromSource ? "switch" : "reverse", new SwitchRequest { SkipDiff = true });

    public async Task<MigrationStatus> UntilAsync(params MigrationState[] states)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var status = await StatusAsync();
            if (states.Contains(status.State) && (status.State == MigrationState.Switched ? status.Reverse : status.Stream).State == "running")
            {
                return status;
            }

            Assert.True(status.State != MigrationState.Error, $"{status.Error}\n{Log}");
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(5), $"It is {status.State}.\n{Log}");
            await Task.Delay(20);
        }
    }

    /// <summary>Every row of both sides is compared.</summary>
    public async Task<DiffReport> DiffAsync()
    {
        await PostAsync<DiffReport>("diff/start", new DiffRequest());
        return (await Api.WaitAsync<DiffReport>($"migrations/{_schema}/diff/wait", default)).Value;
    }

    /// <summary>Another server takes the source's place.</summary>
    public Task MoveSourceAsync(LabServer server) => Api.PostAsync<BackendReport>("backends/a/move", new MoveBackendRequest { Dsn = server.Dsn }, default);

    public Task<BackendConnection> OpenSideAsync(bool source) =>
        BackendConnection.OpenAsync(ConnectionOptions.Parse(source ? _source.Dsn : _target.Dsn) with { Schema = _schema }, default);

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        await Serve.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
        foreach (var server in (LabServer[])[_source, _target])
        {
            await using var admin = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), default);
            await admin.ExecuteAsync($"DROP DATABASE IF EXISTS {_schema}", default);
            await RemoveStreamsAsync(admin);
        }
    }

    /// <summary>The servers may be shared, and another test's migration be under way on them.</summary>
    private async Task RemoveStreamsAsync(BackendConnection admin)
    {
        await ControlTables.HoldAsync(admin, default);
        try
        {
            await admin.ExecuteAsync($"DELETE FROM `{ControlTables.Schema}`.stream WHERE id IN ('{_schema}.forward', '{_schema}.reverse')", default);
            if ((await admin.QueryAsync($"SELECT COUNT(*) FROM `{ControlTables.Schema}`.stream", default)).GetInt64(0, 0) == 0)
            {
                await ControlTables.DropAsync(admin, default);
            }
        }
        catch (ServerErrorException error) when (error.Code is 1049 or 1146)
        {
            // Removed already.
        }
    }
}
