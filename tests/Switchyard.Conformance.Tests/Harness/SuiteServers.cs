using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Conformance.Tests.Harness;

/// <summary>
/// Two MariaDB servers as the vendor's own test driver would configure them, one reached directly and one through a proxy. Both get the same in the
/// same order, so that what one test leaves behind is there for the next on both sides.
/// </summary>
public sealed class SuiteServers : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("switchyard-suite");

    internal SuiteSide Direct { get; private set; } = null!;

    internal SuiteSide Proxied { get; private set; } = null!;

    internal ProxyHarness Harness { get; private set; } = null!;

    /// <summary>A directory for what the programs write; the same for both, since its name shows in their output.</summary>
    internal string WorkDirectory => _directory.FullName;

    /// <summary>Ports that stand for one another in the outputs.</summary>
    internal int[] Ports => [Direct.Port, Proxied.Port, Proxied.Server.Port];

    public async Task InitializeAsync()
    {
        var (direct, proxied) = (await LabServer.StartAsync("mariadb-10.11", s_options), await LabServer.StartAsync("mariadb-10.11", s_options));
        Harness = await ProxyHarness.StartAsync(("s", proxied));
        Direct = Side(direct, direct.Port);
        Proxied = Side(proxied, Harness.Proxy.EndPoint.Port);
        foreach (var server in new[] { direct, proxied })
        {
            var admin = ProxyHarness.Admin(server);
            await ExecuteAsync(
                server,

                // Of its own host, so that an anonymous account that a script makes for this host does not come before it.
                $"CREATE USER {admin.User}@localhost IDENTIFIED BY '{admin.Password}'",
                $"GRANT ALL ON *.* TO {admin.User}@localhost WITH GRANT OPTION",
                $"CREATE USER IF NOT EXISTS {ProxyHarness.AppUser}@'%' IDENTIFIED BY '{ProxyHarness.AppPassword}'",
                $"GRANT ALL ON *.* TO {ProxyHarness.AppUser}@'%'",
                "CREATE OR REPLACE USER root@localhost",
                "GRANT ALL ON *.* TO root@localhost WITH GRANT OPTION",
                "CREATE DATABASE IF NOT EXISTS mtr",
                "CREATE TABLE mtr.suppressions (pattern VARCHAR(255))",
                "CREATE PROCEDURE mtr.add_suppression(pattern VARCHAR(255)) INSERT INTO mtr.suppressions VALUES (pattern)");
        }
    }

    /// <summary>What the driver does between two tests, as far as it can be done from outside.</summary>
    internal static async Task TidyAsync(LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        await connection.ExecuteAsync("SET GLOBAL read_only = 0", default);
        var schemas = await connection.QueryAsync(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN ('mysql', 'mtr', 'sys', 'performance_schema', 'information_schema')", default);
        for (var row = 0; row < schemas.RowCount; row++)
        {
            await DropAsync(connection, schemas.GetString(row, 0));
        }

        await connection.ExecuteAsync("DELETE FROM mysql.global_priv WHERE User NOT IN ('root', 'lab', 'app', 'mariadb.sys')", default);
        await connection.ExecuteAsync("DELETE FROM mysql.db", default);
        await connection.ExecuteAsync("FLUSH PRIVILEGES", default);
        await connection.ExecuteAsync("CREATE DATABASE test", default);
    }

    /// <summary>The directory of a server, with its data directory in it.</summary>
    internal static async Task<string> DirectoryAsync(LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        return Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(await DataDirectoryAsync(connection)))!;
    }

    private static async Task<string> DataDirectoryAsync(BackendConnection connection) =>
        (await connection.QueryAsync("SELECT @@datadir", default)).GetString(0, 0);

    private static async Task DropAsync(BackendConnection connection, string schema)
    {
        try
        {
            await connection.ExecuteAsync($"DROP DATABASE `{schema.Replace("`", "``", StringComparison.Ordinal)}`", default);
        }
        catch (ServerErrorException error) when (error.Code == 1010)
        {
            // The tables are gone; files that a script has written beside them with SELECT INTO OUTFILE are not the server's to delete.
            Directory.Delete(Path.Combine(await DataDirectoryAsync(connection), schema), recursive: true);
        }
    }

    public async Task DisposeAsync()
    {
        await Direct.Socket.DisposeAsync();
        await Proxied.Socket.DisposeAsync();
        await Harness.DisposeAsync();
        await Direct.Server.DisposeAsync();
        await Proxied.Server.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    private SuiteSide Side(LabServer server, int port)
    {
        var work = _directory.CreateSubdirectory($"{server.Port}").FullName;
        return new SuiteSide(server, port, work, new SocketFile(Path.Combine(work, "socket"), port));
    }

    private static async Task ExecuteAsync(LabServer server, params string[] statements)
    {
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        foreach (var statement in statements)
        {
            await connection.ExecuteAsync(statement, default);
        }
    }

    private static readonly string[] s_options =
    [
        "--character-set-server=latin1", "--local-infile", "--log-bin-trust-function-creators=1", "--default-storage-engine=myisam", "--secure-file-priv=",
        "--plugin-maturity=unknown", "--skip-name-resolve=0", "--connect-timeout=60", "--innodb-buffer-pool-size=32M", "--query-cache-type=1", "--query-cache-size=1M",
        "--use-stat-tables=preferably", "--histogram-type=json_hb", "--key-buffer-size=1M", "--sort-buffer-size=256K", "--max-heap-table-size=1M",
        "--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0",
    ];
}

/// <summary>One of the two servers and the way its clients take.</summary>
/// <param name="Server">For what the driver does to it between two tests.</param>
/// <param name="Port">The server's own, or that of the proxy in front.</param>
/// <param name="WorkDirectory">For what the programs write on this way.</param>
/// <param name="Socket">The same way, for clients that want a socket in the file system.</param>
internal sealed record SuiteSide(LabServer Server, int Port, string WorkDirectory, SocketFile Socket);
