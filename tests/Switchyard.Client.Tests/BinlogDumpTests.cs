using System.Buffers.Binary;
using System.Text;
using Switchyard.Lab;
using Xunit;

namespace Switchyard.Client.Tests;

[Trait("Category", Lab.Category)]
public sealed class BinlogDumpTests
{
    private const byte RotateEvent = 4;
    private const byte FormatDescriptionEvent = 15;
    private const byte HeartbeatEvent = 27;
    private const int EventHeaderSize = 19;

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_dump_from_a_position_gives_the_events_behind_it(string server)
    {
        await using var writer = await Lab.OpenAsync(server);
        var schema = LabServer.UniqueSchema();
        await writer.ExecuteMultiAsync($"CREATE DATABASE {schema}; CREATE TABLE {schema}.t (a LONGBLOB)", Lab.Limit());
        var (file, position) = await EndAsync(writer);
        await writer.ExecuteAsync($"INSERT INTO {schema}.t VALUES ('first-marker')", Lab.Limit());
        await writer.ExecuteAsync($"INSERT INTO {schema}.t VALUES ('second-marker')", Lab.Limit());

        await using var dump = await (await Lab.OpenAsync(server)).DumpBinlogAsync(new BinlogDumpRequest { ServerId = 4_100_000_001, File = file, Position = position }, Lab.Limit());
        Assert.True(dump.HasChecksums);
        var events = await ReadUntilAsync(dump, "second-marker");
        Assert.Equal(RotateEvent, events[0][4]);
        Assert.Contains(file, Encoding.UTF8.GetString(events[0]), StringComparison.Ordinal);
        Assert.Equal(FormatDescriptionEvent, events[1][4]);
        Assert.All(events, bytes => Assert.Equal((uint)bytes.Length, BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(9))));
        Assert.All(events, AssertChecksum);
        Assert.Single(events, bytes => Contains(bytes, "first-marker"));

        // With nothing to send, the server still says that it is there.
        while ((await dump.ReadEventAsync(Lab.Limit())).Span[4] != HeartbeatEvent)
        {
        }

        await writer.ExecuteAsync($"DROP DATABASE {schema}", Lab.Limit());
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task An_event_over_sixteen_megabytes_arrives_whole(string server)
    {
        await using var writer = await Lab.OpenAsync(server);
        var schema = LabServer.UniqueSchema();
        await writer.ExecuteMultiAsync($"CREATE DATABASE {schema}; CREATE TABLE {schema}.t (a LONGBLOB) ENGINE=MyISAM", Lab.Limit());
        await writer.ExecuteAsync($"SET GLOBAL max_allowed_packet={64 << 20}", Lab.Limit());
        await using var big = await Lab.OpenAsync(server);
        var (file, position) = await EndAsync(writer);
        await big.ExecuteAsync($"INSERT INTO {schema}.t VALUES (CONCAT(REPEAT('q', {20 << 20}), 'the-end'))", Lab.Limit());
        await using var dump = await (await Lab.OpenAsync(server)).DumpBinlogAsync(new BinlogDumpRequest { ServerId = 4_100_000_002, File = file, Position = position }, Lab.Limit());
        var events = await ReadUntilAsync(dump, "the-end");
        Assert.True(events[^1].Length > 20 << 20);
        AssertChecksum(events[^1]);
        await writer.ExecuteAsync($"DROP DATABASE {schema}", Lab.Limit());
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_dump_from_a_gtid_gives_the_transactions_behind_it(string server)
    {
        await using var writer = await Lab.OpenAsync(server);
        var schema = LabServer.UniqueSchema();
        await writer.ExecuteMultiAsync($"CREATE DATABASE {schema}; CREATE TABLE {schema}.t (a VARCHAR(50)); INSERT INTO {schema}.t VALUES ('known-before')", Lab.Limit());
        var request = new BinlogDumpRequest { ServerId = 4_100_000_003, StopAtEnd = true };
        request = writer.Server.IsMariaDb
            ? request with { MariaDbGtidState = await ScalarAsync(writer, "SELECT @@gtid_binlog_pos") }
            : request with { MySqlGtidSet = Encode(await ScalarAsync(writer, "SELECT @@global.gtid_executed")) };
        await writer.ExecuteAsync($"INSERT INTO {schema}.t VALUES ('new-since')", Lab.Limit());
        await using var dump = await (await Lab.OpenAsync(server)).DumpBinlogAsync(request, Lab.Limit());
        var events = await ReadUntilAsync(dump, "new-since");
        Assert.DoesNotContain(events, bytes => Contains(bytes, "known-before"));
        while (!(await dump.ReadEventAsync(Lab.Limit())).IsEmpty)
        {
        }

        await writer.ExecuteAsync($"DROP DATABASE {schema}", Lab.Limit());
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_position_that_is_not_in_the_log_is_refused_with_1236(string server)
    {
        await using var dump = await (await Lab.OpenAsync(server)).DumpBinlogAsync(new BinlogDumpRequest { ServerId = 4_100_000_004, File = "nowhere.000099" }, Lab.Limit());
        var e = await Assert.ThrowsAsync<ServerErrorException>(async () =>
        {
            while (!(await dump.ReadEventAsync(Lab.Limit())).IsEmpty)
            {
            }
        });
        Assert.Equal(1236, e.Code);
    }

    [Theory]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task An_offset_past_four_gibibytes_reaches_a_server_with_GTIDs_whole(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var (file, _) = await EndAsync(connection);
        // Its lower half is a place in the file.
        await using var dump = await (await Lab.OpenAsync(server)).DumpBinlogAsync(
            new BinlogDumpRequest { ServerId = 4_100_000_005, File = file, Position = (1UL << 32) + 4, StopAtEnd = true }, Lab.Limit());
        var e = await Assert.ThrowsAsync<ServerErrorException>(async () =>
        {
            while (!(await dump.ReadEventAsync(Lab.Limit())).IsEmpty)
            {
            }
        });
        Assert.Equal(1236, e.Code);
        Assert.Contains("position > file size", e.ServerMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_with_no_start_or_two_is_refused()
    {
        await using var connection = await Lab.OpenAsync("mariadb-10.11");
        await Assert.ThrowsAsync<ArgumentException>(() => connection.DumpBinlogAsync(new BinlogDumpRequest { ServerId = 1 }, Lab.Limit()));
        await Assert.ThrowsAsync<ArgumentException>(() => connection.DumpBinlogAsync(new BinlogDumpRequest { ServerId = 1, File = "a", MariaDbGtidState = "" }, Lab.Limit()));
        await Assert.ThrowsAsync<ArgumentException>(() => connection.DumpBinlogAsync(new BinlogDumpRequest { ServerId = 1, File = "a", Position = 1L << 32 }, Lab.Limit()));
        await connection.PingAsync(Lab.Limit());
    }

    private static async Task<(string File, ulong Position)> EndAsync(BackendConnection connection)
    {
        var statement = connection.Server.IsAtLeast(ServerVendor.MySql, 8, 2) ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
        var status = await connection.QueryAsync(statement, Lab.Limit());
        return (status.GetString(0, "File"), status.GetUInt64(0, "Position"));
    }

    private static async Task<string> ScalarAsync(BackendConnection connection, string sql) => (await connection.QueryAsync(sql, Lab.Limit())).GetString(0, 0);

    private static async Task<List<byte[]>> ReadUntilAsync(BinlogDump dump, string marker)
    {
        var events = new List<byte[]>();
        do
        {
            var next = await dump.ReadEventAsync(Lab.Limit());
            Assert.False(next.IsEmpty, $"The log ended before {marker} came.");
            events.Add(next.ToArray());
        }
        while (!Contains(events[^1], marker));
        return events;
    }

    private static bool Contains(byte[] bytes, string text) => bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;

    private static void AssertChecksum(byte[] bytes)
    {
        Assert.True(bytes.Length > EventHeaderSize);
        var crc = uint.MaxValue;
        foreach (var b in bytes.AsSpan(0, bytes.Length - 4))
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
            }
        }

        Assert.Equal(BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(bytes.Length - 4)), ~crc);
    }

    /// <summary>The encoding of COM_BINLOG_DUMP_GTID for plain sets: count of servers; of each UUID, count of intervals, first and after-last of each.</summary>
    private static ReadOnlyMemory<byte> Encode(string set)
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        var servers = set.Replace("\n", "", StringComparison.Ordinal).Split(',', StringSplitOptions.RemoveEmptyEntries);
        writer.Write((long)servers.Length);
        foreach (var entry in servers)
        {
            var parts = entry.Split(':');
            writer.Write(Convert.FromHexString(parts[0].Replace("-", "", StringComparison.Ordinal)));
            writer.Write((long)(parts.Length - 1));
            foreach (var interval in parts[1..])
            {
                var ends = interval.Split('-');
                writer.Write(long.Parse(ends[0], null));
                writer.Write(long.Parse(ends[^1], null) + 1);
            }
        }

        return bytes.ToArray();
    }
}
