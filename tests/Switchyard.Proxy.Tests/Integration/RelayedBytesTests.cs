using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Every command is answered through the proxy, byte for byte, as by the server.</summary>
[Trait("Category", "Integration")]
public sealed class RelayedBytesTests
{
    private const Capabilities Modern = Capabilities.DeprecateEof | Capabilities.SessionTrack;

    public static TheoryData<string, Capabilities> Dialects => new()
    {
        { "mariadb-10.11", Modern },
        { "mariadb-10.11", Capabilities.None },
        { "mysql-9.7", Modern },
        { "mysql-9.7", Capabilities.DeprecateEof },
        { "mysql-9.7", Capabilities.SessionTrack },
        { "mysql-5.6", Capabilities.None },
    };

    private static readonly string[] s_fresh =
    [
        "DROP PROCEDURE IF EXISTS p", "DROP TABLE IF EXISTS t", "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v TEXT)",
        "INSERT INTO t (v) VALUES ('a'), ('b'), (NULL), ('d')",
        "CREATE PROCEDURE p (IN x INT, OUT y INT) BEGIN SELECT x; SELECT id, v FROM t ORDER BY id; SET y = x + 1; END",
    ];

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task Statements(string name, Capabilities extra) => await CompareAsync(name, extra, new WireScript().Query(
        "SELECT 1", "SELECT * FROM t ORDER BY id", "UPDATE t SET v = CONCAT(v, 'x')", "UPDATE t SET v = v", "INSERT INTO t (v) VALUES ('e'), ('f')",
        "SELECT LAST_INSERT_ID()", "SELECT ROW_COUNT()", "DELETE FROM t WHERE id > 4", "SELEC", "SELECT * FROM nothing", "SELECT 1/0", "SHOW WARNINGS",
        "INSERT IGNORE INTO t (id, v) VALUES (1, 'again')", "SHOW WARNINGS", "SELECT 1; SELECT 2, 3; UPDATE t SET v = 'm' WHERE id = 1; SELECT 4",
        "SELECT 1; SELECT broken; SELECT 2", "SELECT 1; INSERT INTO t (id) VALUES (1); SELECT 2", "CALL p(5, @y)", "SELECT @y",
        "START TRANSACTION", "UPDATE t SET v = 'in' WHERE id = 2", "ROLLBACK", "SET autocommit = 0", "SELECT COUNT(*) FROM t", "COMMIT", "SET autocommit = 1",
        "SET NAMES utf8mb4", "SET NAMES latin1", "SET time_zone = '+03:00'", "SET sql_mode = 'ANSI_QUOTES'", "SELECT \"id\" FROM t ORDER BY 1 LIMIT 1",
        "SET @a = 1, @b = 'x'", "SELECT @a, @b", "USE mysql", "SELECT DATABASE()", "PREPARE s FROM 'SELECT ? + 1'", "EXECUTE s USING @a", "DEALLOCATE PREPARE s",
        "SELECT REPEAT('q', 300000)", "LOAD DATA LOCAL INFILE 'x' INTO TABLE nothing", "DO 0", "SET autocommit = 1; SET NAMES utf8; SELECT 5"));

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task Prepared_statements(string name, Capabilities extra)
    {
        byte[] one = [0, 1, 3, 0, 3, 0, 0, 0]; // no NULL, types bound, one INT of 3
        await CompareAsync(name, extra, new WireScript()
            .Prepare("SELECT id, v FROM t WHERE id <> ? ORDER BY id")
            .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0, one))
            .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0, 0, 0, 2, 0, 0, 0)) // types not sent again
            .Command(CommandKind.StatementExecute, WireScript.Execute(1, 1, one), ResponseShape.Cursor)
            .Command(CommandKind.StatementFetch, WireScript.Id(1, 2, 0, 0, 0), ResponseShape.UntilEnd)
            .Command(CommandKind.StatementFetch, WireScript.Id(1, 2, 0, 0, 0), ResponseShape.UntilEnd)
            .Command(CommandKind.StatementReset, WireScript.Id(1))
            .Do("fetch without a cursor", async client => // all but the text, which names the server's own id of the statement
                (await client.CommandAsync(CommandKind.StatementFetch, WireScript.Id(client.Prepared[0], 2, 0, 0, 0), ResponseShape.UntilEnd))[3..13])
            .Prepare("INSERT INTO t (v) VALUES (?)")
            .Send(CommandKind.StatementSendLongData, WireScript.Id(2, [0, 0, .. Encoding.ASCII.GetBytes(new string('l', 70_000))]))
            .Send(CommandKind.StatementSendLongData, WireScript.Id(2, [0, 0, .. "end"u8]))
            .Command(CommandKind.StatementExecute, WireScript.Execute(2, 0, 0, 1, 252, 0))
            .Send(CommandKind.StatementSendLongData, WireScript.Id(2, [0, 0, .. "dropped"u8]))
            .Command(CommandKind.StatementReset, WireScript.Id(2))
            .Command(CommandKind.StatementExecute, WireScript.Execute(2, 0, 0, 1, 254, 0, 1, (byte)'s'))
            .Query("SELECT LENGTH(v), RIGHT(v, 5) FROM t WHERE id > 4 ORDER BY id")
            .Prepare("SELECT broken FROM t")
            .Prepare("CALL p(?, ?)")
            .Command(CommandKind.StatementExecute, WireScript.Execute(3, 0, 2, 1, 3, 0, 6, 0, 9, 0, 0, 0))
            .Prepare("DO ?")
            .Send(CommandKind.StatementClose, WireScript.Id(1))
            .Command(CommandKind.StatementExecute, WireScript.Execute(77, 0, one))
            .Command(CommandKind.StatementReset, WireScript.Id(77))
            .Command(CommandKind.StatementFetch, WireScript.Id(77, 1, 0, 0, 0), ResponseShape.UntilEnd)
            .Prepare("SELECT 5")
            .Command(CommandKind.StatementExecute, WireScript.Execute(uint.MaxValue, 0)) // the last one to MariaDB, none to MySQL
            .Query("SELECT 1"));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-5.6")]
    public async Task Executions_that_end_before_their_parameters_do(string name) => await CompareAsync(name, Capabilities.None, new WireScript()
        .Prepare("SELECT ?, ?")
        .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0))
        .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0, 0))
        .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0, 0, 1))
        .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0, 0, 1, 3, 0, 3))
        .Query("SELECT 1"));

    /// <summary>A procedure's rows come at once, whatever the client asked for, and a cursor that it had sets the same flag as the client's own.</summary>
    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task Procedures_with_cursors_of_their_own_are_executed_with_a_cursor(string name, Capabilities extra) => await CompareAsync(name, extra, new WireScript()
        .Query(
            "DROP PROCEDURE IF EXISTS walk",
            "CREATE PROCEDURE walk(OUT n INT) BEGIN DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id; DECLARE EXIT HANDLER FOR NOT FOUND BEGIN SELECT n; SELECT id FROM t ORDER BY id; END; "
                + "OPEN c; SELECT 'none read'; FETCH c INTO n; SELECT n; LOOP FETCH c INTO n; END LOOP; END")
        .Prepare("CALL walk(?)")
        .Command(CommandKind.StatementExecute, WireScript.Execute(1, 1, 0, 1, 3, 0, 0, 0, 0, 0))
        .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0, 0, 1, 3, 0, 0, 0, 0, 0))
        .Query("DROP PROCEDURE walk"));

    /// <summary>How statements are to be read is uncertain behind EXECUTE, and asked of the server only once that wipes nothing out.</summary>
    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task Diagnostics_are_asked_for_by_prepared_statements(string name, Capabilities extra) => await CompareAsync(name, extra, new WireScript()
        .Query("PREPARE s FROM 'SELECT 1 UNION SELECT 2'", "EXECUTE s")
        .Prepare("SELECT FOUND_ROWS()")
        .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0))
        .Query("PREPARE s FROM 'UPDATE t SET v = 5 WHERE id < 4'", "EXECUTE s")
        .Prepare("SELECT ROW_COUNT()")
        .Command(CommandKind.StatementExecute, WireScript.Execute(2, 0))
        .Query("SET optimizer_trace = 'enabled=on'", "PREPARE s FROM 'SELECT v FROM t WHERE id = 2'", "EXECUTE s")
        .Query("SELECT query FROM information_schema.OPTIMIZER_TRACE", "SET optimizer_trace = 'enabled=off'")
        .Query("SET @mode = @@sql_mode", "SET sql_mode = @mode")
        .Prepare("SELECT \"a\", ?")
        .Query("SELECT 1"));

    [Theory]
    [MemberData(nameof(Dialects))]
    public async Task Other_commands(string name, Capabilities extra)
    {
        var script = new WireScript()
            .Command(CommandKind.Ping, [])
            .Command(CommandKind.InitDb, "mysql"u8.ToArray())
            .Command(CommandKind.InitDb, "no_such_schema"u8.ToArray())
            .Query("SELECT DATABASE()")
            .Do("back", client => client.CommandAsync(CommandKind.InitDb, Encoding.ASCII.GetBytes(_schema)))
            .Command(CommandKind.FieldList, "t\0"u8.ToArray(), ResponseShape.UntilEnd)
            .Command(CommandKind.FieldList, "nothing\0%"u8.ToArray(), ResponseShape.UntilEnd)
            .Command(CommandKind.SetOption, [1, 0])
            .Query("SELECT 1; SELECT 2")
            .Command(CommandKind.SetOption, [0, 0])
            .Query("SELECT 1; SELECT 2")
            .Command(CommandKind.SetOption, [9, 0])
            .Command(CommandKind.Debug, [])
            .Command(CommandKind.ProcessKill, [0xFF, 0xFF, 0xFF, 0x7F])
            .Command(CommandKind.ResetConnection, [])
            .Query("SELECT @@autocommit, @a");
        foreach (var unknown in new byte[] { 0x00, 0x05, 0x06, 0x0B, 0x0F, 0x10, 0x13, 0x14, 0x1D, 0x22, 0x50, 0x99, 0xF9, 0xFB, 0xFD, 0xFE, 0xFF })
        {
            script.Command((CommandKind)unknown, []);
        }

        script.Do("an empty packet", client => client.RawCommandAsync([]));
        await CompareAsync(name, extra, script.Query("SELECT 1"));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task Commands_that_end_before_or_behind_their_statements_number(string name)
    {
        var script = new WireScript();
        foreach (var kind in new[] { CommandKind.StatementExecute, CommandKind.StatementFetch, CommandKind.StatementReset, CommandKind.StatementBulkExecute })
        {
            foreach (var length in new[] { 0, 1, 2, 4, 6, 8, 9 })
            {
                byte[] command = [(byte)kind, .. new byte[] { 201, 202, 203, 204, 0, 0, 0, 0, 0 }.AsSpan(0, length)];

                // Of a number cut short MariaDB makes what its buffer holds behind it, and names that.
                script.Do($"{kind} with {length} bytes", async client => await client.RawCommandAsync(command) is var answer && length < 4 ? answer[3..13] : answer);
            }
        }

        await CompareAsync(name, name == "mysql-5.6" ? Capabilities.None : Modern, script.Query("SELECT 1"));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Rows_and_statements_at_the_packet_limit(string name)
    {
        var script = new WireScript();
        foreach (var length in new[] { 0xFFFFFF - 1, 0xFFFFFF, 0xFFFFFF + 1, 2 * 0xFFFFFF })
        {
            // A row that is one text: its length takes four bytes in front.
            script.Query($"SELECT REPEAT('r', {length - 4})");
            script.Do($"a statement of {length} bytes", client => client.QueryAsync("SELECT 1 /*" + new string('c', length - 1 - 13) + "*/"));
        }

        await CompareAsync(name, Modern, script
            .Prepare("SELECT LENGTH(?), ?")
            .Send(CommandKind.StatementSendLongData, WireScript.Id(1, [0, 0, .. Encoding.ASCII.GetBytes(new string('l', 17_000_000))]))
            .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0, 0, 1, 252, 0, 252, 0, 1, (byte)'x'))
            .Query("SELECT 1"));
    }

    [Theory]
    [InlineData("mariadb-10.11", "SET session_track_system_variables = 'sql_mode,autocommit,character_set_client'")]
    [InlineData("mysql-9.7", "SET session_track_system_variables = 'sql_mode,time_zone,transaction_isolation'")]
    [InlineData("mysql-9.7", "SET session_track_transaction_info = 'CHARACTERISTICS', session_track_state_change = ON")]
    [InlineData("mysql-9.7", "SET session_track_schema = OFF, session_track_system_variables = ''")]
    public async Task What_the_client_tracks_is_what_it_is_told(string name, string setting) => await CompareAsync(name, Modern, new WireScript().Query(
        setting, "SET sql_mode = ''", "SET NAMES latin1", "SET @x = 1", "USE mysql", "START TRANSACTION READ ONLY", "SELECT COUNT(*) FROM mysql.user WHERE user = 'nobody'", "COMMIT",
        "SET autocommit = 0; USE information_schema; SELECT 1", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SELECT 1", "COMMIT", "SET autocommit = 1"));

    /// <summary>A routine's mode and character set end with it, so that nothing need be asked behind it, whatever it does.</summary>
    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    public async Task Behind_a_call_of_what_executes_text_the_rows_found_stay_known(string name) => await CompareAsync(name, name == "mysql-5.6" ? Capabilities.None : Modern, new WireScript().Query(
        "DROP PROCEDURE IF EXISTS dynamic",
        "CREATE PROCEDURE dynamic() BEGIN SET sql_mode = 'ANSI_QUOTES'; SET NAMES sjis; PREPARE s FROM 'SELECT id FROM t LIMIT 3'; EXECUTE s; DEALLOCATE PREPARE s; END",
        "CALL dynamic()", "UPDATE t SET v = 'x' WHERE id = 1", "SELECT FOUND_ROWS()", "SELECT @@sql_mode, @@character_set_client, \"a\"", "DROP PROCEDURE dynamic"));

    [Fact]
    public async Task Attributes_go_with_their_statement()
    {
        var server = await WideServers.GetAsync("mysql-9.7");
        await using (var admin = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default))
        {
            if ((await admin.QueryAsync("SELECT * FROM mysql.component WHERE component_urn LIKE '%query_attributes'", default)).RowCount == 0)
            {
                await admin.ExecuteAsync("INSTALL COMPONENT 'file://component_query_attributes'", default);
            }
        }

        // Two attributes, an INT of 7 and a text, in front of COM_QUERY's statement and behind COM_STMT_EXECUTE's own parameter.
        byte[] attributes = [2, 1, 0, 1, 3, 0, 1, (byte)'n', 254, 0, 3, .. "key"u8, 7, 0, 0, 0, 5, .. "value"u8];
        byte[] Query(string sql) => [.. attributes, .. Encoding.ASCII.GetBytes(sql)];
        await CompareAsync("mysql-9.7", Modern | Capabilities.QueryAttributes, new WireScript()
            .Command(CommandKind.Query, [0, 1, .. "SELECT 1"u8])
            .Command(CommandKind.Query, Query("SELECT 2"))
            .Command(CommandKind.Query, Query("SELECT mysql_query_attribute_string('key'), mysql_query_attribute_string('n')"))
            .Command(CommandKind.Query, Query("SET @seen = 'by the scanner'"))
            .Command(CommandKind.Query, [0, 1, .. "SELECT @seen"u8])
            .Prepare("SELECT ?, mysql_query_attribute_string('key')")
            .Command(CommandKind.StatementExecute, WireScript.Execute(1, 8, [2, 0, 1, 3, 0, 0, 254, 0, 3, .. "key"u8, 9, 0, 0, 0, 2, .. "v2"u8]))
            .Command(CommandKind.StatementExecute, WireScript.Execute(1, 8, [1, 0, 0, 8, 0, 0, 0]))
            .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0, [1, 0, 1, 3, 0, 0, 8, 0, 0, 0]))
            .Prepare("SELECT mysql_query_attribute_string('key')")
            .Command(CommandKind.StatementExecute, WireScript.Execute(2, 8, [1, 0, 1, 254, 0, 3, .. "key"u8, 2, .. "v3"u8]))
            .Command(CommandKind.StatementExecute, WireScript.Execute(2, 0)));
    }

    [Fact]
    public async Task Attributes_are_left_out_where_the_backend_does_not_know_them()
    {
        var s = await WideServers.GetAsync("mysql-9.7");
        var t = await WideServers.GetAsync("mariadb-10.11");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        await harness.DirectAsync(s, s_fresh);
        await harness.DirectAsync(t, s_fresh);
        await harness.CommitAsync(harness.Repository.Begin().Put(
            new LegCredential("t", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        await harness.RouteAsync("s", "s");
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.QueryAttributes);
        await client.CommandAsync(CommandKind.StatementPrepare, "SELECT IF(VERSION() LIKE '%MariaDB%', 'maria', 'mysql'), ?, v FROM t WHERE id = ?"u8.ToArray(), ResponseShape.Prepared);
        byte[] names = [254, 0, 0, 3, 0, 0, 254, 0, 3, .. "key"u8];
        async Task<string> ExecuteAsync(params byte[] parameters)
        {
            var answer = await client.CommandAsync(CommandKind.StatementExecute, WireScript.Execute(client.Prepared[0], 8, parameters));
            Assert.Equal(0, client.ErrorCode);
            return Encoding.Latin1.GetString(answer);
        }

        Assert.Contains("\u0005mysql\u0005there\u0001a", await ExecuteAsync([3, 0, 1, .. names, 5, .. "there"u8, 1, 0, 0, 0, 2, .. "v1"u8]), StringComparison.Ordinal);
        await harness.RouteAsync("t", "t");
        Assert.Contains("\u0005maria\u0005there\u0001a", await ExecuteAsync([3, 0, 1, .. names, 5, .. "there"u8, 1, 0, 0, 0, 2, .. "v2"u8]), StringComparison.Ordinal);

        // The first value went ahead and is not in the packet.
        await client.SendAsync(CommandKind.StatementSendLongData, WireScript.Id(client.Prepared[0], [0, 0, .. "ahead"u8]));
        Assert.Contains("\u0005maria\u0005ahead\u0001a", await ExecuteAsync([3, 0, 1, .. names, 1, 0, 0, 0, 2, .. "v3"u8]), StringComparison.Ordinal);
        byte[] query = [1, 1, 0, 1, 254, 0, 3, .. "key"u8, 2, .. "v4"u8, .. "SELECT IF(VERSION() LIKE '%MariaDB%', 'maria', 'mysql'), 'text'"u8];
        Assert.Contains("\u0005maria\u0004text", Encoding.Latin1.GetString(await client.CommandAsync(CommandKind.Query, query)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    public async Task MariaDBs_own_commands(string name)
    {
        byte[] rows = [3, 0, 15, 0, 0, 50, 0, 0, 0, 0, 2, .. "xy"u8, 0, 51, 0, 0, 0, 1, 0, 52, 0, 0, 0, 0, 1, (byte)'z'];
        byte[] again = [0, 60, 0, 0, 0, 0, 1, (byte)'w', 0, 50, 0, 0, 0, 1];
        var extensions = Capabilities.MariaDbStatementBulkOperations | Capabilities.MariaDbExtendedMetadata | Capabilities.MariaDbProgress
            | (name == "mariadb-11.8" ? Capabilities.MariaDbBulkUnitResults : Capabilities.None);
        var negotiated = await CompareAsync(name, Modern | extensions, new WireScript()
            .Prepare("INSERT INTO t (id, v) VALUES (?, ?)")
            .Command(CommandKind.StatementBulkExecute, WireScript.Id(1, [128, 0, .. rows]))
            .Command(CommandKind.StatementBulkExecute, WireScript.Id(1, [0, 0, .. again])) // the last row is there already
            .Query("SELECT * FROM t ORDER BY id", "SELECT POINT(1, 2), CAST('{}' AS CHAR), INET6_ATON('::1')", "CREATE OR REPLACE TABLE j (a JSON, b INET6, c UUID)", "SELECT * FROM j")
            .Prepare("DELETE FROM t WHERE id = ?")
            .Command(CommandKind.StatementBulkExecute, WireScript.Id(2, [128, 0, 3, 0, 0, 51, 0, 0, 0, 0, 52, 0, 0, 0, 0, 99, 0, 0, 0]))
            .Command(CommandKind.StatementBulkExecute, WireScript.Id(2, [(name == "mariadb-11.8" ? (byte)192 : (byte)128), 0, 3, 0, 0, 50, 0, 0, 0, 0, 60, 0, 0, 0]))
            .Prepare("SELECT ? + 1")
            .Command(CommandKind.StatementExecute, WireScript.Execute(uint.MaxValue, 0, 0, 1, 3, 0, 4, 0, 0, 0)) // the one prepared last
            .Prepare("SELECT broken FROM t")
            .Command(CommandKind.StatementExecute, WireScript.Execute(uint.MaxValue, 0, 0, 1, 3, 0, 4, 0, 0, 0))
            .Command(CommandKind.StatementBulkExecute, WireScript.Id(44, 128, 0, 3, 0, 0, 1, 0, 0, 0))
            .Query("SELECT COUNT(*) FROM t"));
        Assert.Equal(extensions, negotiated & extensions);
    }

    private string _schema = "";

    private async Task<Capabilities> CompareAsync(string name, Capabilities extra, WireScript script)
    {
        var server = name == "mysql-5.6" || name == "mariadb-11.8" ? await Lab.LabServer.SharedAsync(name, "source") : await WideServers.GetAsync(name);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        _schema = harness.Schema;
        await using var direct = await WireClient.OpenAsync(harness.Client with { Port = server.Port }, extra);
        await using var proxied = await WireClient.OpenAsync(harness.Client, extra);
        const Capabilities notCompared = Capabilities.ConnectAttributes | Capabilities.Ssl;
        Assert.Equal(direct.Negotiated & ~notCompared, proxied.Negotiated & ~notCompared);
        await script.CompareAsync(direct, proxied, () => harness.DirectAsync(server, s_fresh));
        return proxied.Negotiated;
    }
}
