using Switchyard.Lab;
using Xunit;

namespace Switchyard.Client.Tests;

[Trait("Category", Lab.Category)]
public sealed class PreparedStatementTests
{
    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Values_of_every_type_print_alike_in_both_protocols(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var schema = LabServer.UniqueSchema();
        await connection.ExecuteMultiAsync(
            $"""
            CREATE DATABASE {schema}; USE {schema}; SET time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES';
            CREATE TABLE t (id INT PRIMARY KEY, i1 TINYINT, u1 TINYINT UNSIGNED, i2 SMALLINT, u2 SMALLINT UNSIGNED, i3 MEDIUMINT, u3 MEDIUMINT UNSIGNED,
              i4 INT, u4 INT UNSIGNED, i8 BIGINT, u8 BIGINT UNSIGNED, z INT(8) ZEROFILL, n DECIMAL(65,30), f DOUBLE, d DATE, dt DATETIME, dt6 DATETIME(6),
              ts TIMESTAMP(3) NULL, tm TIME, tm4 TIME(4), y YEAR, b BIT(17), e ENUM('a','ö'), s SET('x','y','z'), c VARCHAR(20), bl BLOB, bi BINARY(4)) CHARSET utf8mb4;
            INSERT INTO t VALUES
              (1,-128,255,-32768,65535,-8388608,16777215,-2147483648,4294967295,-9223372036854775808,18446744073709551615,42,
               -99999999999999999999999999999999999.999999999999999999999999999999,-1.5e-20,'9999-12-31','9999-12-31 23:59:59','2024-02-29 01:02:03.000001',
               '2038-01-19 03:14:07.999','838:59:59','-00:00:01.0001',2155,b'10000000000000001','ö','x,z','a😀',x'00ff00',x'0100'),
              (2,0,0,0,0,0,0,0,0,0,0,0,0,0,'0000-00-00','0000-00-00','2024-02-00 00:00:00','1970-01-01 00:00:01','00:00:00','-838:59:59',0,b'0','a','','','',''),
              (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
            """,
            Lab.Limit());
        var text = await connection.QueryAsync("SELECT * FROM t ORDER BY id", Lab.Limit());
        await using (var statement = await connection.PrepareAsync("SELECT * FROM t WHERE id >= ? ORDER BY id", Lab.Limit()))
        {
            var binary = await statement.QueryAsync([1], Lab.Limit());
            Assert.Equal(text.RowCount, binary.RowCount);
            for (var row = 0; row < text.RowCount; row++)
            {
                for (var column = 0; column < text.Columns.Count; column++)
                {
                    var name = $"row {row} column {text.Columns[column].Name}: ";
                    Assert.Equal(name + Show(text, row, column), name + Show(binary, row, column));
                }
            }
        }

        await connection.ExecuteAsync($"DROP DATABASE {schema}", Lab.Limit());
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Parameters_of_every_type_arrive_exactly(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var schema = LabServer.UniqueSchema();
        await connection.ExecuteMultiAsync(
            $"CREATE DATABASE {schema}; USE {schema}; CREATE TABLE t (id INT PRIMARY KEY, l BIGINT, u BIGINT UNSIGNED, f DOUBLE, s VARCHAR(100), b LONGBLOB, n DECIMAL(40,20), dt DATETIME(6), d DATE, tm TIME(6), o BOOL) CHARSET utf8mb4",
            Lab.Limit());
        await using (var insert = await connection.PrepareAsync("INSERT INTO t VALUES (?,?,?,?,?,?,?,?,?,?,?)", Lab.Limit()))
        {
            Assert.Equal(11, insert.Parameters.Count);
            byte[] bytes = [0, 39, 92, 255, 0xC3, 10];
            await insert.ExecuteAsync([1, long.MinValue, ulong.MaxValue, -0.1, "ä'\\\"\0😀", bytes, 12345678901234567.890123456789m,
                new DateTime(2024, 2, 29, 23, 59, 58, 999, 999), new DateOnly(1999, 12, 31), TimeSpan.FromMicroseconds(-123456789012), true], Lab.Limit());
            await insert.ExecuteAsync([2, null, null, null, null, null, null, null, null, null, null], Lab.Limit());
            await insert.ExecuteAsync([3, 1L, 2UL, 3d, "", Array.Empty<byte>(), 4m, null, null, TimeSpan.Zero, false], Lab.Limit());
            var wrongCount = await Assert.ThrowsAsync<ArgumentException>(() => insert.ExecuteAsync([1], Lab.Limit()));
            Assert.Contains("11 parameters and 1", wrongCount.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<ArgumentException>(() => insert.ExecuteAsync([new object(), 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], Lab.Limit()));
            var duplicate = await Assert.ThrowsAsync<ServerErrorException>(() => insert.ExecuteAsync([1, 1, 1, 1, 1, 1, 1, null, null, null, 1], Lab.Limit()));
            Assert.Equal(1062, duplicate.Code);
        }

        var result = await connection.QueryAsync("SELECT id,l,u,f,HEX(s),HEX(b),n,dt,d,tm,o FROM t ORDER BY id", Lab.Limit());
        string Row(int row) => string.Join('|', Enumerable.Range(0, result.Columns.Count).Select(column => result.GetStringOrNull(row, column) ?? "NULL"));
        Assert.Equal("1|-9223372036854775808|18446744073709551615|-0.1|C3A4275C2200F09F9880|00275CFFC30A|12345678901234567.89012345678900000000|2024-02-29 23:59:58.999999|1999-12-31|-34:17:36.789012|1", Row(0));
        Assert.Equal("2|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL", Row(1));
        Assert.Equal("3|1|2|3|||4.00000000000000000000|NULL|NULL|00:00:00.000000|0", Row(2));
        await connection.ExecuteAsync($"DROP DATABASE {schema}", Lab.Limit());
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_statement_that_cannot_be_prepared_leaves_the_connection_usable(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var e = await Assert.ThrowsAsync<ServerErrorException>(() => connection.PrepareAsync("SELEKT ?", Lab.Limit()));
        Assert.Equal(1064, e.Code);
        await using var statement = await connection.PrepareAsync("SELECT ? + 1", Lab.Limit());
        Assert.Equal(42, (await statement.QueryAsync([41], Lab.Limit())).GetInt64(0, 0));
    }

    private static string Show(QueryResult result, int row, int column) => result.IsNull(row, column) ? "NULL" : Convert.ToHexString(result.GetBytes(row, column));
}
