using System.Text;
using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Binlog.Tests;

/// <summary>Events of real servers are what SHOW BINLOG EVENTS says they are, at the positions it says.</summary>
[Trait("Category", "Integration")]
public sealed class ServerEventTests
{
    [Theory]
    [InlineData("mariadb-10.5")]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task Types_and_positions_are_those_the_server_lists(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var connection = await OpenAsync(server);
        await RunAsync(
            connection,
            "CREATE DATABASE d",
            "CREATE TABLE d.t (id INT PRIMARY KEY, v TEXT)",
            "INSERT INTO d.t VALUES (1, 'a')",
            "BEGIN", "UPDATE d.t SET v = 'b'", "SAVEPOINT s", "INSERT INTO d.t VALUES (2, 'x')", "ROLLBACK TO s", "DELETE FROM d.t", "COMMIT",
            "FLUSH BINARY LOGS",
            "INSERT INTO d.t VALUES (3, 'after the rotation')");
        var first = (await connection.QueryAsync("SHOW BINARY LOGS", CancellationToken.None)).GetString(0, 0);
        List<string> listed, read;
        do
        {
            listed = await ListAsync(connection);
            read = await ReadNamesAsync(server, first, listed);
        }
        while (!listed.SequenceEqual(await ListAsync(connection))); // A checkpoint is written by the server in its own time.

        Assert.Equal(listed, read);
    }

    private static async Task<List<string>> ListAsync(BackendConnection connection)
    {
        var listed = new List<string>();
        var logs = (await connection.QueryAsync("SHOW BINARY LOGS", CancellationToken.None)).Rows.Select(r => r.GetString(0)).ToList();
        foreach (var log in logs)
        {
            var events = await connection.QueryAsync($"SHOW BINLOG EVENTS IN '{log}'", CancellationToken.None);
            // MariaDB since 11.7 writes no position into the events inside a transaction.
            listed.AddRange(events.Rows.Where(r => r.GetString(4) != "0").Select(r => $"{r.GetString(0)}:{r.GetString(4)} {Name(r.GetString(2))}"));
        }

        return listed;
    }

    private static async Task<List<string>> ReadNamesAsync(LabServer server, string first, List<string> listed)
    {
        var read = new List<string>();
        await using var reader = await OpenReaderAsync(server, new BinlogDumpRequest { ServerId = 4711, File = first, StopAtEnd = true, SendAnnotateRows = true });
        BinlogPosition last = default;
        while (await reader.ReadAsync(CancellationToken.None) is { } e)
        {
            if (e is RotateEvent { IsArtificial: false })
            {
                // Its own end lies in the file it closes; ours is already where to go on.
                read.Add($"{(read.Count < listed.Count ? listed[read.Count].Split(' ')[0] : "")} Rotate");
            }
            else if (!e.IsArtificial && e.Position != last)
            {
                read.Add($"{e.Position} {Name(e.Type.ToString())}");
            }

            last = e.Position;
        }

        return read;
    }

    [Fact]
    public async Task Tagged_gtids_are_read_and_a_dump_can_start_after_them()
    {
        await using var server = await LabServer.StartAsync("mysql-9.7");
        await using var connection = await OpenAsync(server);
        await RunAsync(connection, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)");
        var before = await ExecutedAsync(connection);
        await RunAsync(connection, "SET gtid_next='AUTOMATIC:blue'", "INSERT INTO d.t VALUES (1)", "INSERT INTO d.t VALUES (2)", "SET gtid_next='AUTOMATIC'", "INSERT INTO d.t VALUES (3)");
        var middle = await ExecutedAsync(connection);
        await RunAsync(connection, "SET gtid_next='AUTOMATIC:green'", "INSERT INTO d.t VALUES (4)", "SET gtid_next='AUTOMATIC'");
        var after = await ExecutedAsync(connection);

        var read = await ReadGtidsAsync(server, before);
        Assert.Equal(["blue", "blue", "", "green"], read.Select(g => g.Tag));
        Assert.All(read, g => Assert.InRange(Math.Abs((long)g.ImmediateCommitMicros - (DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000)), 0, 600_000_000L));
        Assert.All(read, g => Assert.True(g.SequenceNumber > g.LastCommitted && g.TransactionLength > 100));
        var set = MySqlGtidSet.Parse(before);
        read.ForEach(set.Add);
        Assert.Equal(MySqlGtidSet.Parse(after), set);
        Assert.Equal(after, set.ToString());
        Assert.Equal(["green"], (await ReadGtidsAsync(server, middle)).Select(g => g.Tag));
    }

    [Fact]
    public async Task A_MariaDb_dump_goes_on_after_the_gtids_it_is_given()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        await using var connection = await OpenAsync(server);
        await RunAsync(connection, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "SET gtid_domain_id=5", "INSERT INTO d.t VALUES (1)");
        var start = (await connection.QueryAsync("SELECT @@gtid_binlog_pos", CancellationToken.None)).GetString(0, 0);
        await RunAsync(
            connection, "SET gtid_domain_id=0", "INSERT INTO d.t VALUES (2)", "ALTER TABLE d.t ADD v INT",
            "XA START 'a','b',7", "INSERT INTO d.t VALUES (3, 3)", "XA END 'a','b',7", "XA PREPARE 'a','b',7", "XA COMMIT 'a','b',7");
        var end = (await connection.QueryAsync("SELECT @@gtid_binlog_pos", CancellationToken.None)).GetString(0, 0);

        var position = MariaDbGtidSet.Parse(start);
        var groups = new List<MariaDbGtidEvent>();
        await using var reader = await OpenReaderAsync(server, new BinlogDumpRequest { ServerId = 4711, MariaDbGtidState = start, StopAtEnd = true });
        while (await reader.ReadAsync(CancellationToken.None) is { } e)
        {
            if (e is MariaDbGtidEvent gtid)
            {
                position.Add(gtid.Gtid);
                groups.Add(gtid);
            }
        }

        Assert.Equal(MariaDbGtidSet.Parse(end), position);
        Assert.Equal(4, groups.Count);
        Assert.True(groups[0].GroupFlags.HasFlag(MariaDbGtidFlags.Transactional));
        Assert.True(groups[1].GroupFlags.HasFlag(MariaDbGtidFlags.Ddl | MariaDbGtidFlags.Standalone));
        Assert.True(groups[2].GroupFlags.HasFlag(MariaDbGtidFlags.PreparedXa));
        Assert.True(groups[3].GroupFlags.HasFlag(MariaDbGtidFlags.CompletedXa));
        Assert.Equal(["X'61',X'62',7", "X'61',X'62',7"], groups[2..].Select(g => g.Xid));
    }

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mariadb-10.11")]
    public async Task A_statement_carries_the_settings_it_ran_under(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var connection = await OpenAsync(server);
        await RunAsync(
            connection, "CREATE DATABASE d", "USE d", "SET foreign_key_checks=0, unique_checks=0, sql_mode='ANSI_QUOTES', time_zone='+05:00', collation_connection=latin1_bin",
            "CREATE TABLE t (id INT PRIMARY KEY, at TIMESTAMP DEFAULT '2024-01-01 00:00:00')", "INSERT INTO t (id) VALUES (1)", "SET foreign_key_checks=1", "INSERT INTO t (id) VALUES (2)");

        var events = await ReadAllAsync(server);

        var create = events.OfType<QueryEvent>().Single(q => q.SqlText.StartsWith("CREATE TABLE", StringComparison.Ordinal));
        Assert.Equal("d", create.Schema);
        Assert.Equal((false, false), (create.ForeignKeyChecks, create.UniqueChecks));
        const ulong ansiQuotes = 4;
        Assert.Equal(ansiQuotes, create.SqlMode);
        Assert.Equal((ushort)47, create.ConnectionCollationId);
        Assert.Equal("+05:00", create.TimeZone);
        Assert.Equal([true, false], events.OfType<RowsEvent>().Select(r => r.NoForeignKeyChecks));
    }

    [Fact]
    public async Task Xa_on_MySql_ends_in_a_prepare_event()
    {
        await using var server = await LabServer.StartAsync("mysql-9.7");
        await using var connection = await OpenAsync(server);
        await RunAsync(
            connection, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY)", "XA START 'a','b',7", "INSERT INTO d.t VALUES (3)", "XA END 'a','b',7", "XA PREPARE 'a','b',7", "XA COMMIT 'a','b',7");

        var prepare = Assert.Single((await ReadAllAsync(server)).OfType<XaPrepareEvent>());

        Assert.Equal(("X'61',X'62',7", false), (prepare.Xid, prepare.IsOnePhase));
    }

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-5.6")]
    [InlineData("mariadb-11.8")]
    public async Task Partial_images_are_refused_by_the_name_of_the_setting(string name)
    {
        await using var server = await LabServer.StartAsync(name, "--binlog-row-image=MINIMAL");
        await using var connection = await OpenAsync(server);
        await RunAsync(connection, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v INT)", "INSERT INTO d.t VALUES (1, 2)", "UPDATE d.t SET v = 3");
        var shape = new TableShape([new ColumnShape { Name = "id" }, new ColumnShape { Name = "v" }]);
        await using var reader = await OpenReaderAsync(server, await FromStartAsync(server));

        var error = await Assert.ThrowsAsync<UnsupportedEventException>(async () =>
        {
            while (await reader.ReadAsync(CancellationToken.None) is { } e)
            {
                (e as RowsEvent)?.DecodeRows(shape);
            }
        });

        Assert.Contains("d.t", error.Message, StringComparison.Ordinal);
        Assert.Contains("binlog_row_image", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Partial_json_updates_are_refused_by_the_name_of_the_setting()
    {
        await using var server = await LabServer.StartAsync("mysql-9.7", "--binlog-row-value-options=PARTIAL_JSON");
        await using var connection = await OpenAsync(server);
        await RunAsync(
            connection, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, j JSON)", "INSERT INTO d.t VALUES (1, '{\"a\": \"xxxxxxxxxxxx\"}')", "UPDATE d.t SET j = JSON_SET(j, '$.a', 'y')");
        var rows = Assert.Single((await ReadAllAsync(server)).OfType<RowsEvent>(), r => r.Kind == RowsKind.Update);

        var error = Assert.Throws<UnsupportedEventException>(() => rows.DecodeRows(new TableShape([new ColumnShape { Name = "id" }, new ColumnShape { Name = "j" }])));

        Assert.Contains("binlog_row_value_options", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    public async Task An_alter_in_two_phases_says_how_far_it_is(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var connection = await OpenAsync(server);
        await RunAsync(
            connection, "CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, v INT)", "INSERT INTO d.t VALUES (1, 2), (2, 2)", "ALTER TABLE d.t ADD KEY (v)", "SET SESSION binlog_alter_two_phase=1",
            "ALTER TABLE d.t ADD w CHAR(9) CHARACTER SET utf8mb4");
        await Assert.ThrowsAsync<ServerErrorException>(() => connection.ExecuteAsync("ALTER TABLE d.t ADD UNIQUE KEY (v)", CancellationToken.None));

        var alters = (await ReadAllAsync(server)).OfType<QueryEvent>().Where(q => q.SqlText.StartsWith("ALTER TABLE d.t", StringComparison.Ordinal)).ToList();

        Assert.Equal(
            ["KEY (v) Done", "w CHAR(9) CHARACTER SET utf8mb4 Begun", "w CHAR(9) CHARACTER SET utf8mb4 Done", "UNIQUE KEY (v) Begun", "UNIQUE KEY (v) RolledBack"],
            alters.Select(q => $"{q.SqlText["ALTER TABLE d.t ADD ".Length..]} {q.AlterPhase}"));
        // What stands behind the phase is read, too.
        Assert.Equal(connection.Server.IsAtLeast(ServerVendor.MariaDb, 11, 5), alters[2].DefaultCollationIds is { Count: > 1 });
    }

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-5.6")]
    [InlineData("mariadb-10.11")]
    public async Task An_idle_log_still_tells_where_it_stands(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var connection = await OpenAsync(server);
        await RunAsync(connection, "CREATE DATABASE d");
        var modern = connection.Server.IsAtLeast(ServerVendor.MySql, 8, 2);
        var status = await connection.QueryAsync(modern ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", CancellationToken.None);
        var end = new BinlogPosition(status.GetString(0, 0), status.GetUInt64(0, 1));
        await using var reader = await OpenReaderAsync(
            server, new BinlogDumpRequest { ServerId = 4711, File = end.File, HeartbeatPeriod = TimeSpan.FromMilliseconds(100) });

        BinlogEvent? e;
        do
        {
            e = await reader.ReadAsync(CancellationToken.None);
        }
        while (e is not (null or HeartbeatEvent));

        Assert.Equal(end, Assert.IsType<HeartbeatEvent>(e).Position);
    }

    /// <summary>The dump's memory is reused, so rows kept for later are decoded at once; here the last event alone is asked for its rows.</summary>
    private static async Task<List<BinlogEvent>> ReadAllAsync(LabServer server)
    {
        var events = new List<BinlogEvent>();
        var keep = new List<byte[]>();
        await using var connection = await OpenAsync(server);
        await using var dump = await connection.DumpBinlogAsync(await FromStartAsync(server), CancellationToken.None);
        var parser = new BinlogEventParser(default);
        while (true)
        {
            var raw = (await dump.ReadEventAsync(CancellationToken.None)).ToArray();
            if (raw.Length == 0)
            {
                return events;
            }

            keep.Add(raw);
            events.Add(parser.Parse(raw));
        }
    }

    private static async Task<BinlogDumpRequest> FromStartAsync(LabServer server)
    {
        await using var connection = await OpenAsync(server);
        var logs = await connection.QueryAsync("SHOW BINARY LOGS", CancellationToken.None);
        return new BinlogDumpRequest { ServerId = 4711, File = logs.GetString(0, 0), StopAtEnd = true };
    }

    private static async Task<List<GtidEvent>> ReadGtidsAsync(LabServer server, string executed)
    {
        var gtids = new List<GtidEvent>();
        await using var reader = await OpenReaderAsync(
            server, new BinlogDumpRequest { ServerId = 4711, MySqlGtidSet = MySqlGtidSet.Parse(executed).Encode(), StopAtEnd = true });
        while (await reader.ReadAsync(CancellationToken.None) is { } e)
        {
            if (e is GtidEvent gtid)
            {
                gtids.Add(gtid);
            }
        }

        return gtids;
    }

    private static async Task<string> ExecutedAsync(BackendConnection connection) =>
        (await connection.QueryAsync("SELECT @@gtid_executed", CancellationToken.None)).GetString(0, 0).Replace("\n", "", StringComparison.Ordinal);

    private static Task<BackendConnection> OpenAsync(LabServer server) => BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);

    private static async Task<BinlogReader> OpenReaderAsync(LabServer server, BinlogDumpRequest request) =>
        await BinlogReader.OpenAsync(await OpenAsync(server), request, CancellationToken.None);

    private static async Task RunAsync(BackendConnection connection, params string[] statements)
    {
        foreach (var statement in statements)
        {
            await connection.ExecuteAsync(statement, CancellationToken.None);
        }
    }

    /// <summary>One name for an event, from the server's list or our enumeration.</summary>
    private static string Name(string type) => new StringBuilder(type).Replace("_", "").Replace("MariaDb", "").Replace("FormatDescription", "Formatdesc")
        .Replace("v1", "V1").ToString().ToLowerInvariant() switch
    {
        "formatdesc" => "Format",
        "previousgtids" => "PreviousGtids",
        "annotaterows" => "AnnotateRows",
        "anonymousgtid" or "gtid" => "Gtid",
        "rotate" => "Rotate",
        var other => other,
    };
}
