using System.Diagnostics;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Programs people have, run direct and through the proxy, say the same.</summary>
[Trait("Category", "Integration")]
public sealed class ClientProgramTests
{
    private const string Script = """
        DROP TABLE IF EXISTS q; CREATE TABLE q (a INT PRIMARY KEY, b VARCHAR(20)) STATS_AUTO_RECALC=0;
        INSERT INTO q VALUES (1, 'a'), (2, 'b'); UPDATE q SET b = 'c' WHERE a = 1; SELECT ROW_COUNT();
        SELECT SQL_CALC_FOUND_ROWS * FROM q ORDER BY a LIMIT 1; SELECT FOUND_ROWS();
        delimiter //
        DROP PROCEDURE IF EXISTS pp//
        CREATE PROCEDURE pp (IN x INT, OUT y INT) BEGIN SELECT x; SELECT a FROM q ORDER BY a; SET y = x + 1; END//
        delimiter ;
        CALL pp(5, @o); SELECT @o; SHOW WARNINGS; SELECT 1 / 0; SHOW WARNINGS; SET @z = @o + 1; SELECT @z;
        CREATE TEMPORARY TABLE tt (a INT); INSERT INTO tt VALUES (3); SELECT * FROM tt; LOCK TABLES q READ; UNLOCK TABLES;
        PREPARE s FROM 'SELECT ? + 1'; EXECUTE s USING @z; DEALLOCATE PREPARE s;
        SELECT * FROM no_such_table; SELEC; SET sql_mode = 'ANSI_QUOTES'; SELECT "a" FROM q ORDER BY a; SET NAMES latin1; SELECT LENGTH('é');
        BEGIN; DELETE FROM q; ROLLBACK; SELECT COUNT(*) FROM q; SHOW CREATE TABLE q; EXPLAIN SELECT * FROM q; SELECT CURRENT_USER(), DATABASE() IS NULL;
        """;

    private const string Python = """
        import pymysql, sys
        c = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1]), user='app', password='app-password', database=sys.argv[2], local_infile=True)
        k = c.cursor()
        k.execute("DROP TABLE IF EXISTS li"); k.execute("CREATE TABLE li (a INT, b TEXT)")
        with open(sys.argv[3], 'w') as f: f.write(''.join(f"{i}\trow{i}\n" for i in range(50000)))
        k.execute("LOAD DATA LOCAL INFILE '%s' INTO TABLE li" % sys.argv[3]); print(k.rowcount)
        k.execute("SELECT COUNT(*), SUM(a) FROM li"); print(k.fetchall())
        c.begin(); k.execute("INSERT INTO li VALUES (1, 'x')"); c.rollback()
        k.execute("SELECT COUNT(*) FROM li"); print(k.fetchone())
        c.ping(); c.select_db('mysql'); k.execute("SELECT DATABASE()"); print(k.fetchone())
        k.execute("SELECT GET_LOCK('a', 1), RELEASE_LOCK('a')"); print(k.fetchone())
        for sql in ("SELEC", "LOAD DATA LOCAL INFILE '/nope' INTO TABLE %s.li" % sys.argv[2]):
            try: k.execute(sql)
            except Exception as e: print(e)
        k.execute("SELECT 1"); print(k.fetchone())
        c.close()
        c = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1]), user='app', password='app-password', database=sys.argv[2],
                            client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
        k = c.cursor(); k.execute("SELECT 1; SELECT 2; INSERT INTO li VALUES (7, 'y'); SELECT 3"); print(k.fetchall())
        while k.nextset(): print(k.fetchall())
        """;

    public static TheoryData<string> Servers => ["mariadb-10.11", "mysql-9.7"];

    [Fact]
    public async Task The_mariadb_command_line()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        string[] Arguments(int port) => ["-h127.0.0.1", $"-P{port}", "-uapp", "-papp-password", "-f", "-v", "-v", harness.Schema];
        await RunAsync("mariadb", Script, Arguments(server.Port));
        var direct = await RunAsync("mariadb", Script, Arguments(server.Port));
        var proxied = await RunAsync("mariadb", Script, Arguments(harness.Proxy.EndPoint.Port));
        Assert.Contains("FOUND_ROWS", direct, StringComparison.Ordinal);
        Assert.Equal(direct, proxied);
        Assert.Contains("Cipher in use", await RunAsync("mariadb", "status\n", ["--ssl", .. Arguments(harness.Proxy.EndPoint.Port), "-t"]), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task PyMySQL(string name)
    {
        await using var server = await LabServer.StartAsync(name, "--local-infile=1");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var file = Path.GetTempFileName();
        var direct = await RunAsync("/usr/bin/python3", Python, "-", server.Port.ToString(), harness.Schema, file);
        var proxied = await RunAsync("/usr/bin/python3", Python, "-", harness.Proxy.EndPoint.Port.ToString(), harness.Schema, file);
        File.Delete(file);
        Assert.Contains("((3,),)", direct, StringComparison.Ordinal);
        Assert.Equal(direct, proxied);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Sysbench_with_prepared_statements(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        Task<string> Sysbench(string command) => RunAsync(
            "sysbench", "", "oltp_read_write", "--mysql-host=127.0.0.1", $"--mysql-port={harness.Proxy.EndPoint.Port}", "--mysql-user=app",
            "--mysql-password=app-password", $"--mysql-db={harness.Schema}", "--tables=2", "--table-size=1000", "--threads=4", "--events=200", "--time=0", command);
        await Sysbench("prepare");
        var report = await Sysbench("run");
        Assert.DoesNotContain("FATAL", report, StringComparison.Ordinal);
        Assert.Matches(@"reconnects:\s+0 ", report);
        Assert.Matches(@"transactions:\s+[1-9]", report);
    }

    private static async Task<string> RunAsync(string program, string input, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await process.WaitForExitAsync(limit.Token);
        return await output + await errors;
    }
}
