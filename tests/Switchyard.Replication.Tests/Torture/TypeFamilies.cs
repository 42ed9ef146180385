using Switchyard.Client;

namespace Switchyard.Replication.Tests.Torture;

/// <summary>One table per family of types, as far as the source has them.</summary>
internal static class TypeFamilies
{
    // Name, and whether every byte of it is a character of its own.
    private static readonly (string Name, bool IsSingleByte)[] s_charsets =
    [
        ("latin1", true), ("latin2", true), ("latin5", true), ("latin7", true), ("ascii", false), ("cp1250", true), ("cp1251", true), ("cp1256", true), ("koi8r", true),
        ("greek", false), ("hebrew", false), ("cp850", true), ("utf8", false), ("utf8mb4", false), ("ucs2", false), ("utf16", false), ("utf16le", false), ("utf32", false),
        ("gbk", false), ("gb2312", false), ("gb18030", false), ("big5", false), ("sjis", false), ("cp932", false), ("euckr", false), ("ujis", false), ("eucjpms", false),
    ];

    public static IEnumerable<TortureTable> For(ServerInfo source, ServerInfo target) =>
        [.. Numbers(), .. Temporals(), .. Strings(), .. Keys(source, target), .. Others(), .. source.IsMariaDb ? MariaDb(source) : MySql(source)];

    private static TortureColumn C(string name, string type, Func<Random, string>? value) => new(name, type, value);

    private static IEnumerable<TortureTable> Numbers()
    {
        (string Type, int Bits)[] integers = [("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64)];
        yield return TortureTable.Numbered("integers",
        [
            .. integers.Select(t => C($"s_{t.Type}", t.Type, RandomValues.Integer(t.Bits, false))),
            .. integers.Select(t => C($"u_{t.Type}", $"{t.Type} unsigned", RandomValues.Integer(t.Bits, true))),
            C("z", "int(8) zerofill", RandomValues.Integer(16, true)),
        ]);
        yield return TortureTable.Numbered("decimals",
            C("d65_30", "decimal(65,30)", RandomValues.Decimal(65, 30)), C("d65_0", "decimal(65,0)", RandomValues.Decimal(65, 0)), C("d30_30", "decimal(30,30)", RandomValues.Decimal(30, 30)),
            C("d10_2", "decimal(10,2)", RandomValues.Decimal(10, 2)), C("d9_9", "decimal(9,9)", RandomValues.Decimal(9, 9)), C("d18_9", "decimal(18,9)", RandomValues.Decimal(18, 9)),
            C("du", "decimal(20,6) unsigned", RandomValues.Decimal(20, 6, isUnsigned: true)), C("dz", "decimal(8,3) zerofill", RandomValues.Decimal(8, 3, isUnsigned: true)));
        yield return TortureTable.Numbered("reals",
            C("f", "float", RandomValues.Float), C("d", "double", RandomValues.Double), C("f2", "float(10,2)", RandomValues.Decimal(8, 2)), C("d4", "double(20,4)", RandomValues.Decimal(15, 4)));
        yield return TortureTable.Numbered("bits",
            C("b1", "bit(1)", RandomValues.Bits(1)), C("b7", "bit(7)", RandomValues.Bits(7)), C("b8", "bit(8)", RandomValues.Bits(8)), C("b33", "bit(33)", RandomValues.Bits(33)),
            C("b64", "bit(64)", RandomValues.Bits(64)), C("y", "year", RandomValues.Year), C("bn", "bit(5) NOT NULL DEFAULT b'101'", RandomValues.Bits(5)));
    }

    private static IEnumerable<TortureTable> Temporals()
    {
        yield return TortureTable.Numbered("dates", C("d", "date", RandomValues.Date), C("dn", "date NOT NULL", RandomValues.Date));
        foreach (var (name, type, value) in new (string, string, Func<Random, string>)[] { ("times", "time", RandomValues.Time), ("datetimes", "datetime", RandomValues.DateTime), ("timestamps", "timestamp", RandomValues.Timestamp) })
        {
            yield return TortureTable.Numbered(name, [.. Enumerable.Range(0, 7).Select(i => C($"t{i}", $"{type}({i}) NULL", value))]);
        }

        yield return TortureTable.Numbered("stamped",
            C("made", "timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)", null), C("changed", "datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)", null), C("n", "int", RandomValues.Integer(8, false)));
    }

    private static IEnumerable<TortureTable> Strings()
    {
        foreach (var (name, single) in s_charsets)
        {
            yield return TortureTable.Numbered($"text_{name}",
                C("v", $"varchar(20) character set {name}", RandomValues.Text(name, 20, single)), C("c", $"char(10) character set {name}", RandomValues.Text(name, 10, single)),
                C("t", $"text character set {name}", RandomValues.Text(name, 60, single)));
        }

        yield return TortureTable.Numbered("long_texts",
            C("tiny", "tinytext", RandomValues.Text("utf8mb4", 60)), C("m", "mediumtext", r => $"REPEAT(_utf8mb4 x'f09d849ec3bc27', {r.Next(12000)})"), C("l", "longtext", r => $"REPEAT('ab\\\\', {r.Next(30000)})"),
            C("wide", "char(255)", RandomValues.Text("utf8mb4", 255)), C("v300", "varchar(300) character set latin1", RandomValues.Text("latin1", 300, isSingleByte: true)));
        yield return TortureTable.Numbered("bytes",
            C("b10", "binary(10)", RandomValues.Bytes(10)), C("b255", "binary(255)", RandomValues.Bytes(255)), C("v10", "varbinary(10)", RandomValues.Bytes(10)), C("v300", "varbinary(300)", RandomValues.Bytes(300)),
            C("tiny", "tinyblob", RandomValues.Bytes(255)), C("b", "blob", RandomValues.Bytes(3000)), C("l", "longblob", r => $"REPEAT(x'00ff27', {r.Next(30000)})"));
    }

    // Keys whose identity or order is the server's own business.
    private static IEnumerable<TortureTable> Keys(ServerInfo source, ServerInfo target)
    {
        static TortureTable Keyed(string name, string type, Func<Random, string> value) =>
            new(name, C("k", $"{type} NOT NULL", value), C("n", "int", RandomValues.Integer(16, false)), C("v", "varchar(20)", RandomValues.Text("utf8mb4", 20)));

        yield return Keyed("key_general", "varchar(40) collate utf8mb4_general_ci", RandomValues.Name("utf8mb4"));
        yield return Keyed("key_unicode", "varchar(40) collate utf8mb4_unicode_ci", RandomValues.Name("utf8mb4"));
        yield return Keyed("key_bin", "varchar(40) collate utf8mb4_bin", RandomValues.Text("utf8mb4", 12));
        yield return Keyed("key_char", "char(12) character set latin1 collate latin1_german2_ci", RandomValues.Name("latin1"));
        yield return Keyed("key_sjis", "varchar(20) character set sjis", RandomValues.Name("sjis"));
        yield return Keyed("key_binary", "binary(6)", RandomValues.Bytes(6));
        yield return Keyed("key_varbinary", "varbinary(8)", RandomValues.Bytes(8));
        yield return Keyed("key_decimal", "decimal(20,6)", RandomValues.Decimal(20, 6));
        yield return Keyed("key_unsigned", "bigint unsigned", RandomValues.Integer(64, true));
        yield return Keyed("key_date", "date", r => $"'{r.Next(1000, 2100)}-{r.Next(1, 13)}-{r.Next(1, 29)}'");
        yield return Keyed("key_datetime", "datetime(6)", r => $"'2024-01-{r.Next(1, 29)} {r.Next(24)}:{r.Next(60)}:00.{r.Next(1000000):000000}'");
        yield return Keyed("key_time", "time(3)", RandomValues.Time);
        yield return Keyed("key_enum", "enum('c','b','a','d e','ü')", RandomValues.Member(5));
        yield return new TortureTable("key_mixed", C("a", "varchar(10) NOT NULL", RandomValues.Name("utf8mb4")), C("b", "smallint NOT NULL", r => r.Next(-5, 5).ToString()), C("c", "varbinary(4) NOT NULL", RandomValues.Bytes(4)), C("v", "double", RandomValues.Double))
        {
            KeyColumns = 3,
        };
        yield return new TortureTable("key_unique", C("v", "varchar(20)", RandomValues.Text("utf8mb4", 20)), C("u", "int NOT NULL", r => r.Next(300).ToString()), C("w", "float", RandomValues.Float))
        {
            KeyColumns = 0,
            Keys = ", UNIQUE KEY u (u)",
        };
        // No NUL at the end of these: MariaDB 10.5 takes 'a' and 'a\0' for one key there. And MySQL before 8 takes 'a' and 'a ' for one in every collation, so that as a target it has to refuse them.
        var spaces = target.IsMariaDb || target.Version.Major >= 8 || !(source.IsMariaDb || source.Version.Major >= 8) ? 3 : 1;
        yield return Keyed(
            "key_nopad", source.IsMariaDb ? "varchar(40) collate utf8mb4_nopad_bin" : source.Version.Major >= 8 ? "varchar(40) collate utf8mb4_0900_bin" : "varbinary(40)",
            r => $"CONCAT({RandomValues.Name("utf8mb4")(r)}, SPACE({r.Next(spaces)}))");
    }

    private static IEnumerable<TortureTable> Others()
    {
        yield return TortureTable.Numbered("choices",
            C("e", "enum('a','b','ü','it''s','comma,')", RandomValues.Member(5)), C("big", $"enum({string.Join(',', Enumerable.Range(0, 300).Select(i => $"'v{i}'"))})", RandomValues.Member(300)),
            C("s", "set('a','b','c','ü')", RandomValues.Bits(4)), C("s64", $"set({string.Join(',', Enumerable.Range(0, 64).Select(i => $"'m{i}'"))})", RandomValues.Bits(64)));
        yield return TortureTable.Numbered("geometries", C("g", "geometry", RandomValues.Geometry), C("p", "point", RandomValues.Point));
    }

    private static IEnumerable<TortureTable> MySql(ServerInfo source)
    {
        if (source.Version.Major < 8)
        {
            yield break;
        }

        yield return TortureTable.Numbered("json", C("j", "json", RandomValues.Json), C("jn", "json NOT NULL", RandomValues.Json));
        yield return TortureTable.Numbered("json_kinds", C("j", "json", r => RandomValues.Pick(r,
            "JSON_OBJECT('n', CAST(-123.4500 AS DECIMAL(10,4)), 'm', CAST(99999999999999999999.5 AS DECIMAL(30,10)))", "JSON_ARRAY(1e0, 1.10, CAST(1 AS UNSIGNED), 'x', NULL)",
            "CAST(CAST(0.10 AS DECIMAL(5,2)) AS JSON)", "CAST('2024-02-29' AS JSON)", "JSON_QUOTE('ü\"')", "JSON_ARRAY(REPEAT('long ', 20000), 5)")));
        yield return TortureTable.Numbered("hidden", C("a", "int", RandomValues.Integer(16, false)), C("h", "varchar(20) DEFAULT 'dflt' INVISIBLE", RandomValues.Text("utf8mb4", 20)), C("b", "int INVISIBLE", RandomValues.Integer(8, false)));
        yield return Generated("JSON_UNQUOTE(JSON_EXTRACT(j, '$.k'))");
        yield return new TortureTable("own_key", C("v", "int", RandomValues.Integer(16, false)), C("t", "varchar(20)", RandomValues.Text("utf8mb4", 20))) { KeyColumns = 0, Before = "SET SESSION sql_generate_invisible_primary_key=1" };
        if (source.Version.Major >= 9)
        {
            yield return TortureTable.Numbered("vectors", C("v3", "vector(3)", RandomValues.Vector("STRING_TO_VECTOR", 3)), C("v300", "vector(300)", RandomValues.Vector("STRING_TO_VECTOR", 300)));
        }
    }

    private static IEnumerable<TortureTable> MariaDb(ServerInfo source)
    {
        yield return TortureTable.Numbered("json", C("j", "json", RandomValues.JsonString));
        yield return TortureTable.Numbered("hidden", C("a", "int", RandomValues.Integer(16, false)), C("h", "varchar(20) INVISIBLE DEFAULT 'dflt'", RandomValues.Text("utf8mb4", 20)), C("b", "int INVISIBLE", RandomValues.Integer(8, false)));
        yield return Generated("JSON_VALUE(j, '$.k')");
        yield return TortureTable.Numbered("packed",
            C("v", "varchar(1000) compressed", r => $"REPEAT(_utf8mb4 x'c3bc61', {r.Next(300)})"), C("t", "text compressed", r => $"REPEAT('long ', {r.Next(5000)})"), C("b", "blob compressed", r => $"REPEAT(x'0001', {r.Next(5000)})"), C("vb", "varbinary(500) compressed", RandomValues.Bytes(500)));
        yield return TortureTable.Numbered("addresses", C("i6", "inet6", RandomValues.Inet6));
        yield return new TortureTable("key_inet6", C("k", "inet6 NOT NULL", RandomValues.Inet6), C("n", "int", RandomValues.Integer(16, false)));
        if (source.Version >= new Version(10, 7))
        {
            yield return TortureTable.Numbered("uuids", C("u", "uuid", RandomValues.Uuid));
            yield return new TortureTable("key_uuid", C("k", "uuid NOT NULL", RandomValues.Uuid), C("n", "int", RandomValues.Integer(16, false)));
        }

        if (source.Version >= new Version(10, 10))
        {
            yield return TortureTable.Numbered("addresses4", C("i4", "inet4", RandomValues.Inet4));
        }

        if (source.Version >= new Version(11, 7))
        {
            yield return TortureTable.Numbered("vectors", C("v3", "vector(3)", RandomValues.Vector("VEC_FromText", 3)), C("v300", "vector(300)", RandomValues.Vector("VEC_FromText", 300)));
        }
    }

    private static TortureTable Generated(string fromJson) => TortureTable.Numbered("computed",
        C("a", "int", RandomValues.Integer(16, false)), C("v", "bigint GENERATED ALWAYS AS (a + 1) VIRTUAL", null), C("s", "varchar(50) GENERATED ALWAYS AS (CONCAT('x', a, t)) STORED", null),
        C("t", "varchar(20)", RandomValues.Text("utf8mb4", 20)), C("j", "json", r => $"'{{\"k\": \"{r.Next(100)}\"}}'"), C("k", $"varchar(20) GENERATED ALWAYS AS ({fromJson}) VIRTUAL", null));
}
