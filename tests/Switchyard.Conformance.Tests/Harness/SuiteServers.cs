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

    internal LabServer Direct { get; private set; } = null!;

    internal LabServer Proxied { get; private set; } = null!;

    internal ProxyHarness Harness { get; private set; } = null!;

    /// <summary>A directory for what the programs write; the same for both, since its name shows in their output.</summary>
    internal string WorkDirectory => _directory.FullName;

    /// <summary>Ports that stand for one another in the outputs.</summary>
    internal int[] Ports => [Direct.Port, Proxied.Port, Harness.Proxy.EndPoint.Port];

    public async Task InitializeAsync()
    {
        Direct = await LabServer.StartAsync("mariadb-10.11", s_options);
        Proxied = await LabServer.StartAsync("mariadb-10.11", s_options);
        Harness = await ProxyHarness.StartAsync(("s", Proxied));
        foreach (var server in new[] { Direct, Proxied })
        {
            await ExecuteAsync(
                server,
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
            await connection.ExecuteAsync($"DROP DATABASE `{schemas.GetString(row, 0).Replace("`", "``", StringComparison.Ordinal)}`", default);
        }

        await connection.ExecuteAsync("DELETE FROM mysql.global_priv WHERE User NOT IN ('root', 'lab', 'app', 'mariadb.sys')", default);
        await connection.ExecuteAsync("FLUSH PRIVILEGES", default);
        await connection.ExecuteAsync("CREATE DATABASE test", default);
    }

    /// <summary>The directory of a server, with its data directory in it.</summary>
    internal static async Task<string> DirectoryAsync(LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        var data = (await connection.QueryAsync("SELECT @@datadir", default)).GetString(0, 0);
        return Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(data))!;
    }

    public async Task DisposeAsync()
    {
        await Harness.DisposeAsync();
        await Direct.DisposeAsync();
        await Proxied.DisposeAsync();
        _directory.Delete(recursive: true);
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
