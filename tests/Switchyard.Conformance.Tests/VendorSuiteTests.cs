using System.Text;
using Switchyard.Conformance.Tests.Harness;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Sql;

namespace Switchyard.Conformance.Tests;

/// <summary>Suites nobody here wrote: those of MariaDB, from Debian's <c>mariadb-test</c>.</summary>
[Trait("Category", "Integration")]
[Collection(ConformanceCollection.Name)]
public sealed class VendorSuiteTests(SuiteServers servers) : IClassFixture<SuiteServers>
{
    private const string Suite = "/usr/share/mysql/mysql-test";

    /// <summary>Names of the list that the client's test does not know itself, or that stop the server.</summary>
    private static readonly HashSet<string> s_noClientTests = ["disable_query_logs", "client_query"];

    /// <summary>How the suite's driver ends when a script does not apply, to this way of speaking for one.</summary>
    private const int SkippedExitCode = 62;

    /// <summary>Ways a client can speak to a server, as the suite's own driver names them.</summary>
    public static TheoryData<string> Protocols => ProgramRun.IsFull
        ? ["", "--ps-protocol", "--cursor-protocol", "--compress", "--sp-protocol", "--view-protocol", "--non-blocking-api"]
        : ["", "--ps-protocol", "--cursor-protocol"];

    /// <summary>Hundreds of corners of the protocol, by the C client's own tests: the same ones pass and fail, with the same words.</summary>
    [Fact]
    public async Task The_tests_of_the_C_client()
    {
        var listing = await ProgramRun.RunAsync(["mariadb-client-test", "--no-defaults", "-T"]);
        var all = listing.Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(name => name.StartsWith("test_", StringComparison.Ordinal) && !name.EndsWith(';') && !s_noClientTests.Contains(name)).ToArray();
        Assert.True(all.Length > 250, listing.Output);
        var known = await ListAsync("client-differences.txt");
        await TidyAsync();
        var differences = new List<string>();
        var passed = 0;
        foreach (var name in all.Where((name, i) => ProgramRun.IsFull || i % 3 == 0 || known.Contains(name)))
        {
            var direct = await ClientTestAsync(servers.Direct.Port, name);
            var proxied = await ClientTestAsync(servers.Proxied.Port, name);
            passed += direct.ExitCode == 0 ? 1 : 0;
            if (direct.ExitCode != proxied.ExitCode)
            {
                differences.Add($"{name}: {direct.ExitCode} direct, {proxied.ExitCode} proxied\n{proxied.Output}");
            }
        }

        Difference.AssertNone(string.Join('\n', differences.Where(difference => !known.Contains(difference.Split(':')[0]))));
        Assert.True(passed > 60, $"only {passed} of the tests pass on the server itself");
    }

    /// <summary>SQL scripts with sessions, errors, warnings and metadata, by every way a client can speak.</summary>
    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task The_main_suite(string protocol)
    {
        var scripts = await ListAsync(ProgramRun.IsFull ? "main-full.txt" : "main-subset.txt");
        var known = await ListAsync("main-differences.txt");
        var differences = new List<string>();
        var (ran, skipped) = (0, 0);
        foreach (var script in scripts.Where(script => File.Exists($"{Suite}/main/{script}.test")))
        {
            await TidyAsync();
            var runs = await Task.WhenAll(ScriptAsync(servers.Direct, script, protocol), ScriptAsync(servers.Proxied, script, protocol));
            ran += runs[0].ExitCode == 0 ? 1 : 0;
            skipped += runs[0].ExitCode == SkippedExitCode ? 1 : 0;
            var difference = Difference.Of(runs[0].Lines(servers.Ports), runs[1].Lines(servers.Ports));
            if (difference.Length > 0 && !known.Contains(script))
            {
                differences.Add($"== {script}\n{difference}");
            }
        }

        Difference.AssertNone(string.Join('\n', differences));
        Assert.True(ran >= (scripts.Count - skipped) / 2, $"only {ran} of {scripts.Count - skipped} scripts run to their end on the server itself");
        if (protocol.Length == 0)
        {
            await AssertNoWriteIsCalledReadAsync();
        }
    }

    /// <summary>The server judges the scanner: nothing that it wrote into its log for the scripts is a plain read to us.</summary>
    private async Task AssertNoWriteIsCalledReadAsync()
    {
        var logged = await LoggedStatements.ReadAsync(servers.Direct.Server);
        var options = new ScanOptions { MariaDb = true, ServerVersion = 101118, MultiStatements = true };
        var wrong = logged.Where(text => SqlScanner.Scan(Encoding.Latin1.GetBytes(text), options).IsPlainRead).ToArray();
        Assert.True(wrong.Length == 0, $"{wrong.Length} of {logged.Count} statements that wrote:\n" + string.Join('\n', wrong.Take(20)));
        Assert.True(logged.Count > 500, $"only {logged.Count} statements wrote");
    }

    /// <summary>Names one a line; what follows a number sign is a comment.</summary>
    private static async Task<IReadOnlySet<string>> ListAsync(string file) =>
        (await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "Suites", file)))
        .Select(line => line.Split('#')[0].Trim()).Where(line => line.Length > 0).ToHashSet();

    private Task<ProgramResult> ClientTestAsync(int port, string name)
    {
        Directory.CreateDirectory(Path.Combine(servers.WorkDirectory, "log"));
        return ProgramRun.RunAsync(
            ["mariadb-client-test", "--no-defaults", "--host=127.0.0.1", $"--port={port}", "--user=root", $"--vardir={servers.WorkDirectory}", $"--basedir={Suite}", "--testcase", "--silent", name],
            limit: TimeSpan.FromMinutes(5));
    }

    /// <summary>Runs one script and returns what it recorded, or where it stopped.</summary>
    private static async Task<ProgramResult> ScriptAsync(SuiteSide side, string script, string protocol)
    {
        var (work, port) = (side.WorkDirectory, side.Port);
        var temporary = Directory.CreateDirectory(Path.Combine(work, "tmp")).FullName;
        var result = Path.Combine(work, script + ".result");

        // Scripts put files into schemas, and may take away only what is below this directory.
        var directory = await SuiteServers.DirectoryAsync(side.Server);
        string clientOptions = $"--no-defaults --user=root --host=127.0.0.1 --port={port}";
        string[] driver =
        [
            "mariadb-test", "--no-defaults", "--silent", "--protocol=tcp", "--host=localhost", "--user=root", $"--port={port}", "--database=test", "--skip-ssl",
            "--max-connections=80", "--max-connect-retries=5", $"--basedir={Suite}/", $"--tmpdir={temporary}", $"--logdir={work}", "--tail-lines=20",
        ];
        var environment = new Dictionary<string, string>
        {
            ["MYSQL_TEST_DIR"] = Suite,
            ["MYSQLTEST_VARDIR"] = directory,
            ["MYSQL_TMP_DIR"] = temporary,
            ["MASTER_MYPORT"] = port.ToString(),
            ["MASTER_MYSOCK"] = side.Socket.Path,

            // The driver makes its views and procedures through a connection of its own, which goes to a socket whatever the protocol asked for.
            ["MARIADB_UNIX_PORT"] = side.Socket.Path,
            ["USE_RUNNING_SERVER"] = "1",
            ["MYSQL"] = "mariadb " + clientOptions,
            ["MYSQL_DUMP"] = "mariadb-dump " + clientOptions,
            ["MYSQLADMIN"] = "mariadb-admin " + clientOptions,
            ["MYSQL_BINLOG"] = "mariadb-binlog --no-defaults --local-load=" + temporary,
            ["MYSQL_CHECK"] = "mariadb-check " + clientOptions,
            ["MYSQL_IMPORT"] = "mariadb-import " + clientOptions,
            ["MYSQL_SHOW"] = "mariadb-show " + clientOptions,
            ["MYSQL_SLAP"] = "mariadb-slap " + clientOptions,
            ["MYSQL_TEST"] = string.Join(' ', driver),
            ["MYSQL_SHAREDIR"] = "/usr/share/mysql",
            ["LC_ALL"] = "C",
        };
        string[] command = [.. driver, $"--test-file={Suite}/main/{script}.test", $"--result-file={result}", "--record", .. protocol.Length == 0 ? Array.Empty<string>() : [protocol]];
        var run = await ProgramRun.RunAsync(command, environment: environment, directory: Suite, limit: TimeSpan.FromMinutes(6));
        var recorded = File.Exists(result) ? await File.ReadAllTextAsync(result, Encoding.Latin1) : "";
        return run with { Output = (run.Output + recorded).Replace(work, "WORK", StringComparison.Ordinal).Replace(directory, "SERVER", StringComparison.Ordinal) };
    }

    private async Task TidyAsync()
    {
        await SuiteServers.TidyAsync(servers.Direct.Server);
        await SuiteServers.TidyAsync(servers.Proxied.Server);
    }
}
