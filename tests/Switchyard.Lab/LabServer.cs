using System.Collections.Concurrent;

namespace Switchyard.Lab;

/// <summary>
/// A real database server on loopback for a test, run by the <c>lab/server</c> script of the checkout.
/// Not thread-safe: one caller stops, kills or restarts it at a time.
/// </summary>
public sealed class LabServer : IAsyncDisposable
{
    private static readonly ConcurrentDictionary<(string Name, string Role), Lazy<Task<LabServer>>> Shared = new();
    private static int _lastNumber;

    private readonly string _id;
    private readonly bool _shared;

    private LabServer(string name, string id, string dsn, bool shared)
    {
        Name = name;
        _id = id;
        _shared = shared;
        Dsn = dsn;
        var uri = new Uri(dsn);
        Port = uri.Port;
        User = uri.UserInfo.Split(':')[0];
        Password = uri.UserInfo.Split(':')[1];
    }

    /// <summary>Every server the lab can start, oldest of each vendor first. Fit for <c>[MemberData]</c>-like use.</summary>
    public static IReadOnlyList<string> All { get; } = ["mariadb-10.5", "mariadb-10.11", "mariadb-11.8", "mysql-5.6", "mysql-9.7"];

    /// <summary>The lab's name of the server, such as <c>mysql-9.7</c>.</summary>
    public string Name { get; }

    /// <summary><c>mysql://user:password@127.0.0.1:port/</c>, the same over restarts.</summary>
    public string Dsn { get; }

    /// <summary>The address it listens on.</summary>
    public string Host => "127.0.0.1";

    /// <summary>Its TCP port, the same over restarts.</summary>
    public int Port { get; }

    /// <summary>An account with every right.</summary>
    public string User { get; }

    /// <summary>That account's password, made for this server alone.</summary>
    public string Password { get; }

    /// <summary>
    /// Starts a fresh server that belongs to the caller: GTIDs, row binlog with full images, production's durability.
    /// Disposing it stops it and deletes its data.
    /// </summary>
    /// <param name="name">One of <see cref="All"/>.</param>
    /// <param name="extraOptions">Options of the server program, such as <c>--binlog-format=STATEMENT</c>; they win over the lab's own.</param>
    /// <exception cref="LabException">The server could not be installed or started; the message carries the script's.</exception>
    public static Task<LabServer> StartAsync(string name, params string[] extraOptions) => StartAsync(name, shared: false, extraOptions);

    /// <summary>As <see cref="StartAsync(string, string[])"/>, on a disk that <see cref="FillDiskAsync"/> fills.</summary>
    public static Task<LabServer> StartOnSmallDiskAsync(string name, params string[] extraOptions) => StartAsync(name, shared: false, extraOptions, "--small-disk");

    /// <summary>
    /// A server shared by all tests of this process that ask for the same name and role; started once, stopped when the
    /// process ends. A test uses a schema name of its own on it (<see cref="UniqueSchema"/>), changes no global setting
    /// and neither stops nor restarts it. Disposing it does nothing.
    /// </summary>
    /// <param name="name">One of <see cref="All"/>.</param>
    /// <param name="role">Keeps two servers of one name apart: <c>source</c>, <c>target</c>.</param>
    public static Task<LabServer> SharedAsync(string name, string role) =>
        Shared.GetOrAdd((name, role), key => new Lazy<Task<LabServer>>(() => StartAsync(key.Name, shared: true, []))).Value;

    /// <summary>A schema name no other test uses: <c>t_</c>, the process, a number.</summary>
    public static string UniqueSchema() => $"t_{Environment.ProcessId}_{Interlocked.Increment(ref _lastNumber)}";

    /// <summary>Ends it in good order; its data stays.</summary>
    public Task StopAsync() => LabScript.RunAsync("stop", NotShared());

    /// <summary>From now on no file whose path has these words in it can grow.</summary>
    public Task FillDiskAsync(string words) => LabScript.RunAsync("fill", NotShared(), words);

    /// <summary>There is room on its disk again.</summary>
    public Task FreeDiskAsync() => LabScript.RunAsync("free", NotShared());

    /// <summary>Ends it with SIGKILL, as a power cut would; its data stays.</summary>
    public Task KillAsync() => LabScript.RunAsync("kill", NotShared());

    /// <summary>Lets it stand still with its connections open (SIGSTOP) until <see cref="ThawAsync"/>, or until it is killed.</summary>
    public Task FreezeAsync() => LabScript.RunAsync("freeze", NotShared());

    /// <summary>Lets it go on after <see cref="FreezeAsync"/>.</summary>
    public Task ThawAsync() => LabScript.RunAsync("thaw", NotShared());

    /// <summary>Starts it again on its data and port, after <see cref="StopAsync"/>, <see cref="KillAsync"/>, or by stopping it first.</summary>
    /// <param name="extraOptions">When any is given, these replace the extra options of the start before.</param>
    public async Task RestartAsync(params string[] extraOptions)
    {
        await StopAsync();
        await LabScript.RunAsync(["start", _id, .. Extra(extraOptions)]);
    }

    /// <summary>The end of its error log, for the message of a failed test.</summary>
    public async Task<string> ReadLogAsync() => await File.ReadAllTextAsync((await LabScript.RunAsync("log", _id)).Trim());

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_shared)
        {
            await LabScript.RunAsync("stop", _id, "--wipe");
            LabCleanup.Forget(_id);
        }
    }

    private static async Task<LabServer> StartAsync(string name, bool shared, string[] extraOptions, params string[] how)
    {
        await LabCleanup.SweepOnceAsync();
        var id = $"{LabCleanup.IdPrefix}{Environment.ProcessId}-{Interlocked.Increment(ref _lastNumber)}-{name}";
        LabCleanup.Remember(id);
        var dsn = await LabScript.RunAsync(["start", name, "--as", id, .. how, .. Extra(extraOptions)]);
        return new LabServer(name, id, dsn.Trim(), shared);
    }

    private static string[] Extra(string[] options) => options.Length == 0 ? [] : ["--", .. options];

    private string NotShared() =>
        _shared ? throw new InvalidOperationException("A shared server is not stopped by one test; start your own with StartAsync.") : _id;
}
