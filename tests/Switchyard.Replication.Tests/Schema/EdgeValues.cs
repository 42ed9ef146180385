using Switchyard.Client;

namespace Switchyard.Replication.Tests.Schema;

/// <summary>A column type and SQL literals at its edges.</summary>
internal sealed record EdgeColumn(string Type, params string[] Values);

/// <summary>Every column type of a server with values that are easy to get wrong.</summary>
internal static class EdgeValues
{
    internal static IReadOnlyList<EdgeColumn> For(ServerInfo server, bool oldTemporals) =>
        [.. Numbers(), .. Temporals(oldTemporals), .. Strings(), .. Enumerations(), .. Spatial(server), .. Vendor(server)];

    private static IEnumerable<EdgeColumn> Numbers()
    {
        foreach (var (type, bits) in new[] { ("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64) })
        {
            var half = System.Numerics.BigInteger.Pow(2, bits - 1);
            yield return new EdgeColumn(type, "0", "-1", "1", (-half).ToString(), (half - 1).ToString());
            yield return new EdgeColumn($"{type} unsigned", "0", "1", half.ToString(), ((half * 2) - 1).ToString());
        }

        yield return new EdgeColumn("int(8) zerofill", "0", "42", "4294967295");
        yield return new EdgeColumn("decimal(65,30)", "0", "-0.000000000000000000000000000001", "99999999999999999999999999999999999.999999999999999999999999999999",
            "-99999999999999999999999999999999999.999999999999999999999999999999", "1.5", "-12345678901234567890.123456789");
        yield return new EdgeColumn("decimal(5,0)", "0", "99999", "-99999", "7");
        yield return new EdgeColumn("decimal(9,9)", "0", "0.123456789", "-0.999999999");
        yield return new EdgeColumn("decimal(18,9)", "123456789.123456789", "-1", "0.000000001");
        yield return new EdgeColumn("decimal(10,2) unsigned", "0", "0.01", "99999999.99");
        yield return new EdgeColumn("decimal(8,3) zerofill", "0", "1.5");
        string[] reals =
        [
            "0", "-0e0", "1", "1.1", "-1.1", "0.1", "1e15", "1e16", "1e14", "123456789012345680", "1234567890123456.5", "1e-5", "1e-14", "1e-15", "1e-16",
            "3.4028234e38", "1.17549435e-38", "16777217", "123456.789", "3.141592653589793", "1e22", "1e23", "9007199254740993",
        ];
        yield return new EdgeColumn("float", reals);
        yield return new EdgeColumn("float(10,2)", "1.5", "-0.01", "123456.78");
        yield return new EdgeColumn("double", [.. reals, "1.7976931348623157e308", "2.2250738585072014e-308", "-2.5e-300", "5e-324", .. RandomDoubles()]);
        yield return new EdgeColumn("double(20,4)", "1.5", "-0.0001", "123456789.1234");
        yield return new EdgeColumn("float unsigned", "0", "2.5");
        yield return new EdgeColumn("bit(1)", "b'0'", "b'1'");
        yield return new EdgeColumn("bit(7)", "b'1010101'", "0");
        yield return new EdgeColumn("bit(8)", "255", "1");
        yield return new EdgeColumn("bit(33)", "8589934591", "4294967296");
        yield return new EdgeColumn("bit(64)", "18446744073709551615", "1", "9223372036854775808");
        yield return new EdgeColumn("year", "1901", "2155", "0", "2024");
    }

    private static IEnumerable<string> RandomDoubles()
    {
        var random = new Random(20240229);
        for (var i = 0; i < 200; i++)
        {
            var value = BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
            if (double.IsFinite(value) && Math.Abs(value) > 1e-300)
            {
                yield return value.ToString("E16", System.Globalization.CultureInfo.InvariantCulture);
            }

            yield return (random.NextDouble() * Math.Pow(10, random.Next(-8, 20))).ToString("E16", System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    private static IEnumerable<EdgeColumn> Temporals(bool old)
    {
        yield return new EdgeColumn("date", "'0000-00-00'", "'1000-01-01'", "'9999-12-31'", "'2024-02-29'", "'2023-02-31'");
        for (var digits = 0; digits <= (old ? 0 : 6); digits++)
        {
            yield return new EdgeColumn($"time({digits})", "'00:00:00'", "'838:59:59'", "'-838:59:59'", "'12:34:56.789123'", "'-12:34:56.999999'",
                "'-00:00:00.000001'", "'-00:00:01.5'", "'-00:00:00.01'", "'100:00:00.1'", "'-01:00:00.123'", "'00:00:00.999'");
            yield return new EdgeColumn($"datetime({digits})", "'0000-00-00 00:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'",
                "'2024-02-29 12:34:56.789123'", "'1969-12-31 23:59:59.000001'", "'2023-02-31 00:00:00.5'");
            yield return new EdgeColumn($"timestamp({digits}) NULL", "'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'",
                "'2024-02-29 12:34:56.789123'", "'2000-01-01 00:00:00.000009'");
        }
    }

    private static IEnumerable<EdgeColumn> Strings()
    {
        yield return new EdgeColumn("char(10) character set latin1", "''", "'a'", "'a  '", "'é€ÿ'", "'1234567890'");
        yield return new EdgeColumn("char(10) character set utf8mb4", "''", "'𝄞ü'", "' x '", "REPEAT('𝄞', 10)");
        yield return new EdgeColumn("char(255) character set utf8mb4", "''", "REPEAT('𝄞', 255)", "REPEAT('a', 255)", "REPEAT('b', 70)");
        yield return new EdgeColumn("char(200) character set utf8", "''", "REPEAT('ü', 200)", "'x'");
        yield return new EdgeColumn("char(5) character set ucs2", "''", "'aü'", "'a '");
        yield return new EdgeColumn("varchar(10) character set utf16", "''", "'𝄞a'", "'a '");
        yield return new EdgeColumn("varchar(10) character set gbk", "''", "'中文'");
        yield return new EdgeColumn("varchar(10) character set sjis", "''", "'日本'");
        yield return new EdgeColumn("varchar(20) character set utf8mb4", "''", "'a '", "'\\0x'", "'quote '' \\\\ \"'");
        yield return new EdgeColumn("varchar(300) character set latin1", "''", "REPEAT('x', 300)", "'a '");
        yield return new EdgeColumn("varchar(64) character set utf8mb4", "REPEAT('𝄞', 64)", "'a'");
        yield return new EdgeColumn("tinytext character set utf8mb4", "''", "REPEAT('x', 255)");
        yield return new EdgeColumn("text character set utf8mb4", "''", "REPEAT('ü', 30000)");
        yield return new EdgeColumn("mediumtext character set utf8mb4", "''", "REPEAT('y', 70000)");
        yield return new EdgeColumn("longtext character set utf8mb4", "'z '", "REPEAT('z', 100000)");
        yield return new EdgeColumn("binary(10)", "''", "x'00'", "x'610000'", "x'6120'", "x'ffffffffffffffffffff'");
        yield return new EdgeColumn("binary(255)", "''", "REPEAT('a', 255)", "x'00ff00'");
        yield return new EdgeColumn("varbinary(10)", "''", "x'00'", "x'6100'", "x'6120'");
        yield return new EdgeColumn("varbinary(300)", "''", "REPEAT(x'00', 300)");
        yield return new EdgeColumn("tinyblob", "''", "x'00'", "REPEAT(x'ff', 255)");
        yield return new EdgeColumn("blob", "''", "x'0000'", "REPEAT(x'0100', 30000)");
        yield return new EdgeColumn("mediumblob", "''", "REPEAT(x'0100', 40000)");
        yield return new EdgeColumn("longblob", "''", "REPEAT(x'0a', 70001)");
    }

    private static IEnumerable<EdgeColumn> Enumerations()
    {
        yield return new EdgeColumn("enum('a','b','ü')", "'a'", "'ü'", "''", "3");
        yield return new EdgeColumn($"enum({string.Join(',', Enumerable.Range(0, 300).Select(i => $"'v{i}'"))})", "'v0'", "'v255'", "'v299'");
        yield return new EdgeColumn("set('a','b','c')", "''", "'a,c'", "7");
        yield return new EdgeColumn($"set({string.Join(',', Enumerable.Range(0, 64).Select(i => $"'m{i}'"))})", "''", "18446744073709551615", "'m63'", "'m0,m62'", "9007199254740993");
    }

    private static IEnumerable<EdgeColumn> Spatial(ServerInfo server)
    {
        yield return new EdgeColumn("geometry", "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1,2 0)')");
        yield return new EdgeColumn("point", server.IsMariaDb || server.Version.Major < 8 ? "ST_GeomFromText('POINT(1 2)', 4326)" : "ST_GeomFromText('POINT(1 2)', 4326)");
    }

    private static IEnumerable<EdgeColumn> Vendor(ServerInfo server)
    {
        if (!server.IsMariaDb)
        {
            return server.Version.Major >= 8 ? MySql(server) : [];
        }

        return MariaDb(server);
    }

    private static IEnumerable<EdgeColumn> MySql(ServerInfo server)
    {
        var bigArray = string.Join(',', Enumerable.Range(0, 20000).Select(i => i * 7919));
        var bigObject = string.Join(',', Enumerable.Range(0, 3000).Select(i => $"\"key number {i}\":[{i},{{\"x\":\"{new string('y', 20)}\"}}]"));
        yield return new EdgeColumn("json",
            "'null'", "'true'", "'false'", "'[]'", "'{}'", "'\"\"'", "'1'", "'-1'", "'32767'", "'32768'", "'-32769'", "'65535'", "'65536'", "'4294967295'", "'4294967296'",
            "'2147483648'", "'-9223372036854775808'", "'18446744073709551615'", "'1.0'", "'1.5e300'", "'-0.0'", "'1e-7'", "'123456789.123'", "'0.1'", "'1e15'", "'1e16'",
            "'{\"b\":1,\"a\":[1,2,{\"c\":null}],\"aa\":true,\"\":\"e\"}'",
            "'\"\\\\\"\\\\\\\\ \\\\/ \\\\b\\\\f\\\\n\\\\r\\\\t \\\\u0001 \\\\u001f \\\\u007f ü 𝄞\"'",
            "'[1,-2,3.5,\"x\",null,true,false,[],{}, 70000, 4294967296]'",
            "JSON_OBJECT('d', CAST('2024-02-29' AS DATE), 't', CAST('-12:34:56.789' AS TIME(6)), 'dt', CAST('2024-02-29 12:34:56.5' AS DATETIME(6)), 'n', CAST(-123.4500 AS DECIMAL(10,4)), 'z', CAST(0 AS DECIMAL(5,0)))",
            "JSON_OBJECT('b', CAST(REPEAT(x'00ff10', 100) AS BINARY), 'bit', b'101', 's', CAST('x' AS BINARY), 'g', ST_GeomFromText('POINT(1 2)'), 'y', CAST(2024 AS YEAR))",
            "JSON_ARRAY(1e0, 1.10, TIMESTAMP('2024-01-01 00:00:00'), CAST(1 AS UNSIGNED))",
            $"'[{bigArray}]'", $"'{{{bigObject}}}'", $"JSON_ARRAY(REPEAT('long ', 20000), 5, -70000, '{new string('q', 127)}', '{new string('q', 128)}')");
        if (server.Version.Major >= 9)
        {
            yield return new EdgeColumn("vector(3)", "STRING_TO_VECTOR('[1,-2.5,3e10]')");
        }
    }

    private static IEnumerable<EdgeColumn> MariaDb(ServerInfo server)
    {
        yield return new EdgeColumn("json", "'{\"b\": 1,  \"a\":2}'", "'[]'");
        yield return new EdgeColumn("varchar(1000) compressed character set utf8mb4", "''", "'short'", "REPEAT('long ', 200)", "REPEAT('ü', 1000)");
        yield return new EdgeColumn("text compressed", "''", "'a'", "REPEAT('long ', 5000)");
        yield return new EdgeColumn("blob compressed", "x'00'", "REPEAT(x'0001', 5000)");
        yield return new EdgeColumn("inet6", "'::'", "'::1'", "'2001:db8::ff00:42:8329'", "'::ffff:192.0.2.128'", "'::192.0.2.1'", "'1:2:3:4:5:6:7:8'", "'1::'",
            "'fe80::1:0:0:1'", "'1:0:0:2:0:0:0:3'", "'::2:3:4:5:6:7:8'", "'1:2:3:4:5:6:7::'", "'1:0:3:4:5:6:7:8'", "'::ffff:0:0'", "'::1:2:3'", "'::ffff'", "'0:0:0:0:0:1::'");
        if (server.Version >= new Version(10, 10))
        {
            yield return new EdgeColumn("inet4", "'0.0.0.0'", "'192.168.1.255'", "'10.0.0.0'");
        }

        if (server.Version >= new Version(10, 7))
        {
            yield return new EdgeColumn("uuid", "'00000000-0000-0000-0000-000000000000'", "'123e4567-e89b-12d3-a456-426614174000'", "'ffffffff-ffff-4fff-bfff-ffffffffff00'",
                "'01890a5d-ac96-774b-bcce-b302099a8000'");
        }

        if (server.Version >= new Version(11, 7))
        {
            yield return new EdgeColumn("vector(3)", "VEC_FromText('[1,-2.5,0]')", "VEC_FromText('[0,0,0]')");
        }
    }
}
