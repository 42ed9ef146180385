using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tests.Schema;

/// <summary>A copied schema means on the target what it meant on the source.</summary>
[Trait("Category", "Integration")]
public sealed class SchemaCopierTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.5")]
    public async Task A_copied_schema_reads_back_as_the_source_has_it(string from, string to)
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync(from, "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync(to, "target"));
        await CreateAsync(source, target, schema);
        var original = (await SchemaReader.ReadTablesAsync(source, schema, CancellationToken.None)).ToDictionary(t => t.Name.Name);
        var copier = new SchemaCopier(source, target) { SmallTableBytes = -1 };

        var report = await copier.CopyTablesAsync(schema, original.Keys, deferIndexes: true, CancellationToken.None);
        var again = await copier.CopyTablesAsync(schema, original.Keys, deferIndexes: true, CancellationToken.None);

        Assert.Equal(original.Count, report.Tables.Count);
        Assert.Equal(report.Tables, again.Tables);
        var before = (await SchemaReader.ReadTablesAsync(target, schema, CancellationToken.None)).ToDictionary(t => t.Name.Name);
        Assert.DoesNotContain(before["child"].Indexes, i => i.Name is "k_amount" or "k_prefix" or "weird `key");
        Assert.Contains(before["child"].Indexes, i => i.Name == "k_fk");
        foreach (var deferred in await copier.FindDeferredAsync(schema, original.Keys, CancellationToken.None))
        {
            await target.ExecuteAsync(deferred.Statement, CancellationToken.None);
        }

        Assert.Empty(await copier.FindDeferredAsync(schema, original.Keys, CancellationToken.None));
        var copied = (await SchemaReader.ReadTablesAsync(target, schema, CancellationToken.None)).ToDictionary(t => t.Name.Name);
        Assert.Equal(original.Keys.Order(), copied.Keys.Order());
        foreach (var (name, table) in original)
        {
            Assert.Equal(Describe(table, source, target), Describe(copied[name], source, target));
        }

        await AssertDefaultsAgreeAsync(source, target, schema, original["child"]);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task Only_large_tables_wait_for_their_rows_with_their_indexes(string server)
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync(server, "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync(server, "target"));
        await source.ExecuteAsync($"CREATE DATABASE `{schema}`", CancellationToken.None);
        foreach (var (table, rows) in (IEnumerable<(string, int)>)[("small", 10), ("large", 512)])
        {
            await source.ExecuteAsync($"CREATE TABLE `{schema}`.{table} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT, pad VARCHAR(8000) NOT NULL, KEY k_v (v)) ENGINE=InnoDB DEFAULT CHARSET=latin1", CancellationToken.None);
            await source.ExecuteAsync($"INSERT INTO `{schema}`.{table} (v, pad) VALUES {string.Join(',', Enumerable.Range(0, rows).Select(i => $"({i}, REPEAT('x', 8000))"))}", CancellationToken.None);
            await source.QueryAsync($"ANALYZE TABLE `{schema}`.{table}", CancellationToken.None);
        }

        var copier = new SchemaCopier(source, target);
        await copier.CopyTablesAsync(schema, ["small", "large"], deferIndexes: true, CancellationToken.None);
        var made = (await SchemaReader.ReadTablesAsync(target, schema, CancellationToken.None)).ToDictionary(t => t.Name.Name, t => t.Indexes.Select(i => i.Name).Order(StringComparer.Ordinal));
        Assert.Equal(["PRIMARY", "k_v"], made["small"]);
        Assert.Equal(["PRIMARY"], made["large"]);
        Assert.Equal(["large"], (await copier.FindDeferredAsync(schema, ["small", "large"], CancellationToken.None)).Select(d => d.Table.Name));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task Views_and_routines_work_on_the_target_and_triggers_wait(string from, string to)
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync(from, "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync(to, "target"));
        await CreateAsync(source, target, schema);
        var copier = new SchemaCopier(source, target);
        await copier.CopyTablesAsync(schema, [.. (await SchemaReader.ReadTablesAsync(source, schema, CancellationToken.None)).Select(t => t.Name.Name)], true, CancellationToken.None);

        var report = await copier.CopyViewsAndRoutinesAsync([schema], CancellationToken.None);

        Assert.DoesNotContain(report.Findings, f => f.Code == "object_not_created");
        Assert.Equal(42, (await target.QueryAsync($"SELECT `{schema}`.twice(21)", CancellationToken.None)).GetInt64(0, 0));
        Assert.Equal(0, (await target.QueryAsync($"SELECT id FROM `{schema}`.a_view", CancellationToken.None)).RowCount);
        Assert.Empty(await SchemaObjectReader.ReadTriggersAsync(target, schema, CancellationToken.None));
        var trigger = Assert.Single(await SchemaObjectReader.ReadTriggersAsync(source, schema, CancellationToken.None));
        Assert.Equal(("parent_bi", "parent"), (trigger.Name, trigger.Table));
        var scheduled = Assert.Single(await SchemaObjectReader.ReadEventsAsync(source, schema, CancellationToken.None));
        Assert.Equal(("nightly", "DISABLED"), (scheduled.Name, scheduled.EventStatus));

        var creator = await ObjectCreator.OpenAsync(target, CancellationToken.None);
        await creator.CreateAsync(trigger, CancellationToken.None);
        await creator.CreateAsync(scheduled, CancellationToken.None);
        await target.ExecuteAsync($"INSERT INTO `{schema}`.parent (a, b) VALUES (1, 'x')", CancellationToken.None);
        Assert.Equal("fired", (await target.QueryAsync($"SELECT note FROM `{schema}`.parent", CancellationToken.None)).GetString(0, 0));
        Assert.Equal("DISABLED", Assert.Single(await SchemaObjectReader.ReadEventsAsync(target, schema, CancellationToken.None)).EventStatus);
    }

    [Theory]
    [InlineData("mariadb-10.5", "mariadb-11.8")]
    [InlineData("mariadb-11.8", "mariadb-10.5")]
    [InlineData("mariadb-11.8", "mariadb-11.8")]
    public async Task Sequences_are_created_with_the_sources_settings_before_the_tables_that_use_them(string from, string to)
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync(from, "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync(to, "target"));
        await source.ExecuteMultiAsync(
            $"CREATE DATABASE `{schema}`; CREATE SEQUENCE `{schema}`.plain; CREATE SEQUENCE `{schema}`.`odd ``one` START WITH 50 MINVALUE -100 MAXVALUE 90 INCREMENT BY -7 CACHE 3 CYCLE; "
            + $"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY DEFAULT NEXTVAL(`{schema}`.plain), v INT)", CancellationToken.None);
        var copier = new SchemaCopier(source, target);
        for (var i = 0; i < 2; i++)
        {
            await copier.CopySequencesAsync(schema, only: null, CancellationToken.None);
            await copier.CopyTablesAsync(schema, ["t"], deferIndexes: true, CancellationToken.None);
        }

        foreach (var sequence in (string[])["plain", "`odd ``one`"])
        {
            var sql = $"SELECT CONCAT_WS(' ', start_value, minimum_value, maximum_value, increment, cache_size, cycle_option) FROM `{schema}`.{sequence}";
            Assert.Equal((await source.QueryAsync(sql, CancellationToken.None)).GetString(0, 0), (await target.QueryAsync(sql, CancellationToken.None)).GetString(0, 0));
        }

        await target.ExecuteAsync($"INSERT INTO `{schema}`.t (v) VALUES (1)", CancellationToken.None);
    }

    [Fact]
    public async Task What_the_target_cannot_express_is_refused_before_anything_is_created()
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync("mysql-9.7", "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync("mariadb-10.5", "target"));
        await source.ExecuteAsync($"CREATE DATABASE `{schema}`", CancellationToken.None);
        await source.ExecuteAsync($"CREATE TABLE `{schema}`.f (id INT PRIMARY KEY, v VARCHAR(20), UNIQUE KEY k ((lower(v))), w VECTOR(3))", CancellationToken.None);

        var refused = await Assert.ThrowsAsync<SchemaTranslationException>(
            () => new SchemaCopier(source, target).CopyTablesAsync(schema, ["f"], true, CancellationToken.None));

        Assert.Equal(["functional_index", "type_unsupported"], refused.Findings.Select(f => f.Code).Order());
        Assert.Equal(0, (await target.QueryAsync($"SELECT 1 FROM information_schema.schemata WHERE schema_name = '{schema}'", CancellationToken.None)).RowCount);
    }

    [Theory]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mysql-9.7", "mariadb-10.5")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mariadb-11.8", "mysql-9.7")]
    public async Task Expressions_with_quotes_backslashes_and_patterns_give_the_same(string from, string to)
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync(from, "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync(to, "target"));
        await source.ExecuteAsync($"CREATE DATABASE `{schema}` CHARACTER SET utf8mb4", CancellationToken.None);
        await source.ChangeSchemaAsync(schema, CancellationToken.None);
        await source.ExecuteAsync(
            """
            CREATE TABLE t (
              id INT PRIMARY KEY, v VARCHAR(20), d VARCHAR(30) DEFAULT (CONCAT('it''s', '\\"x')),
              g VARCHAR(30) GENERATED ALWAYS AS (CASE WHEN v = 'it''s' THEN 'a\\b' ELSE CONCAT('ü''', v) END) STORED, m INT GENERATED ALWAYS AS (v REGEXP '^[a-z'']+$') VIRTUAL,
              CONSTRAINT pattern CHECK (v REGEXP '^[^0-9]*$' AND NOT (v REGEXP 'q+'))
            ) ENGINE=InnoDB
            """, CancellationToken.None);

        await new SchemaCopier(source, target).CopyTablesAsync(schema, ["t"], deferIndexes: true, CancellationToken.None);

        var rows = new List<string>();
        foreach (var side in new[] { source, target })
        {
            await side.ExecuteAsync($"INSERT INTO `{schema}`.t (id, v) VALUES (1, 'it''s'), (2, 'Ab'), (3, NULL)", CancellationToken.None);
            foreach (var refused in (string[])["a1", "q"])
            {
                await Assert.ThrowsAsync<ServerErrorException>(() => side.ExecuteAsync($"INSERT INTO `{schema}`.t (id, v) VALUES (4, '{refused}')", CancellationToken.None));
            }

            var row = await side.QueryAsync($"SELECT CONCAT_WS('|', id, HEX(d), COALESCE(HEX(g), '-'), COALESCE(m, '-')) FROM `{schema}`.t ORDER BY id", CancellationToken.None);
            rows.Add(string.Join('\n', row.Rows.Select(r => r.GetString(0))));
        }

        Assert.Equal(rows[0], rows[1]);
        Assert.Contains(Convert.ToHexString("it's\\\"x"u8), rows[0], StringComparison.Ordinal);
        Assert.Contains(Convert.ToHexString("a\\b"u8), rows[0], StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string, string> Refusals() => new()
    {
        { "mysql-9.7", "mariadb-11.8", "CREATE TABLE f (a INT, g INT GENERATED ALWAYS AS (a + 1) STORED NOT NULL, PRIMARY KEY (g))", "key_generated" },
        { "mariadb-11.8", "mysql-9.7", "CREATE TABLE f (id INT PRIMARY KEY) PARTITION BY LIST (id) (PARTITION a VALUES IN (1), PARTITION b DEFAULT)", "default_partition" },
        { "mariadb-11.8", "mysql-9.7", "CREATE TABLE f (id INT PRIMARY KEY, n DOUBLE AUTO_INCREMENT, KEY (n))", "auto_increment_type" },
        { "mariadb-11.8", "mysql-9.7", "CREATE TABLE f (id INT PRIMARY KEY, g VARCHAR(99) GENERATED ALWAYS AS (SFORMAT('{}', id)) STORED)", "table_refused" },
        { "mariadb-10.5", "mariadb-11.8", "CREATE TABLE f (id INT PRIMARY KEY, up INT, CONSTRAINT `odd``name` FOREIGN KEY (up) REFERENCES f (id))", "definition_unreadable" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_table_the_target_does_not_take_is_named_with_the_reason_and_what_to_do(string from, string to, string table, string code)
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync(from, "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync(to, "target"));
        await source.ExecuteAsync($"CREATE DATABASE `{schema}`", CancellationToken.None);
        await source.ChangeSchemaAsync(schema, CancellationToken.None);
        await source.ExecuteAsync(table, CancellationToken.None);

        var refused = await Assert.ThrowsAsync<SchemaTranslationException>(() => new SchemaCopier(source, target).CopyTablesAsync(schema, ["f"], true, CancellationToken.None));

        var finding = Assert.Single(refused.Findings);
        Assert.Equal(code, finding.Code);
        Assert.Contains($"{schema}.f", finding.What, StringComparison.Ordinal);
        Assert.NotEmpty(finding.Remedy);
    }

    [Fact]
    public async Task Indexes_of_another_access_method_are_kept_as_what_the_target_has()
    {
        var schema = LabServer.UniqueSchema();
        await using var mariaDb = await OpenAsync(await LabServer.SharedAsync("mariadb-11.8", "source"));
        await using var newer = await OpenAsync(await LabServer.SharedAsync("mysql-9.7", "target"));
        await using var older = await OpenAsync(await LabServer.SharedAsync("mysql-5.6", "target"));
        await mariaDb.ExecuteAsync($"CREATE DATABASE `{schema}`", CancellationToken.None);
        await mariaDb.ExecuteAsync(
            $"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, a INT, c VARCHAR(10), e ENUM('a','B') CHARACTER SET binary, KEY k (a) USING HASH, UNIQUE KEY u (c) USING HASH)", CancellationToken.None);
        await mariaDb.ExecuteAsync($"CREATE TABLE `{schema}`.g (id INT PRIMARY KEY, p POINT NOT NULL, SPATIAL KEY s (p))", CancellationToken.None);

        await new SchemaCopier(mariaDb, newer).CopyTablesAsync(schema, ["t", "g"], deferIndexes: false, CancellationToken.None);
        var report = await new SchemaCopier(mariaDb, older).CopyTablesAsync(schema, ["g"], deferIndexes: false, CancellationToken.None);

        Assert.Equal("spatial_index_dropped", Assert.Single(report.Findings, f => f.Code != "collation_replaced").Code);
        var copied = (await SchemaReader.ReadTableAsync(newer, new TableName(schema, "t"), CancellationToken.None))!;
        Assert.Equal(["PRIMARY", "k", "u"], copied.Indexes.Select(i => i.Name).Order(StringComparer.Ordinal));
        await newer.ExecuteAsync($"INSERT INTO `{schema}`.t (id, e) VALUES (1, 'B')", CancellationToken.None);
        Assert.Equal(0, (await newer.QueryAsync($"SELECT COUNT(*) FROM `{schema}`.t WHERE e='b'", CancellationToken.None)).GetInt64(0, 0));
    }

    [Theory]
    [InlineData("mysql-9.7", ", KEY by_text ((CONCAT(v, '😀')))")]
    [InlineData("mariadb-11.8", "")]
    [InlineData("mariadb-10.5", "")]
    public async Task Literals_of_expressions_are_carried_over_whatever_characters_they_have(string to, string key)
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync("mysql-9.7", "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync(to, "target"));
        await source.ExecuteAsync($"CREATE DATABASE `{schema}` CHARACTER SET utf8mb4", CancellationToken.None);
        await source.ExecuteAsync(
            $"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, v VARCHAR(20), g VARCHAR(50) AS (CONCAT(v, '😀?ü')) STORED, d VARCHAR(20) DEFAULT ('𝄞'), e ENUM('😢', '?') DEFAULT '😢', CHECK (v <> 'übel'){key})",
            CancellationToken.None);

        await new SchemaCopier(source, target).CopyTablesAsync(schema, ["t"], deferIndexes: true, CancellationToken.None);

        foreach (var side in new[] { source, target })
        {
            await side.ExecuteAsync($"INSERT INTO `{schema}`.t (id, v) VALUES (1, 'x')", CancellationToken.None);
            Assert.Equal("x😀?ü|𝄞|😢", (await side.QueryAsync($"SELECT CONCAT_WS('|', g, d, e) FROM `{schema}`.t", CancellationToken.None)).GetString(0, 0));
            await Assert.ThrowsAsync<ServerErrorException>(() => side.ExecuteAsync($"INSERT INTO `{schema}`.t (id, v) VALUES (2, 'übel')", CancellationToken.None));
        }
    }

    [Theory]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mariadb-10.5", "mariadb-11.8")]
    public async Task Members_and_defaults_that_a_server_prints_as_question_marks_are_carried_over_as_they_are(string from, string to)
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync(from, "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync(to, "target"));
        await source.ExecuteAsync($"CREATE DATABASE `{schema}` CHARACTER SET utf8mb4", CancellationToken.None);
        await source.ExecuteAsync(
            $"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY, e ENUM('a','😀','?','it''s \\\\') NOT NULL DEFAULT '😀', s SET('x','😢') CHARACTER SET utf16, v VARCHAR(20) DEFAULT 'why? 𝄞 it''s', b VARBINARY(9) NOT NULL DEFAULT x'00ff2741', n VARCHAR(9) DEFAULT '?')",
            CancellationToken.None);

        if (!source.Server.IsMariaDb && source.Server.Version.Major >= 8)
        {
            await source.ExecuteAsync("SET SESSION sql_require_primary_key=1", CancellationToken.None);
        }

        await new SchemaCopier(source, target).CopyTablesAsync(schema, ["t"], deferIndexes: true, CancellationToken.None);

        foreach (var side in new[] { source, target })
        {
            await side.ExecuteAsync($"INSERT INTO `{schema}`.t (id, s) VALUES (1, 2)", CancellationToken.None);
            var row = await side.QueryAsync($"SELECT CONCAT_WS('|', e, CONVERT(s USING utf8mb4), v, HEX(b), n) FROM `{schema}`.t", CancellationToken.None);
            Assert.Equal("😀|😢|why? 𝄞 it's|00FF2741|?", row.GetString(0, 0));
            await side.ExecuteAsync($"UPDATE `{schema}`.t SET e='it''s \\\\', s=3", CancellationToken.None);
            row = await side.QueryAsync($"SELECT CONCAT(e+0, CONVERT(s USING utf8mb4)) FROM `{schema}`.t", CancellationToken.None);
            Assert.Equal("4x,😢", row.GetString(0, 0));
        }
    }

    [Theory]
    [InlineData("mariadb-11.8")]
    [InlineData("mysql-9.7")]
    public async Task Packages_are_created_where_the_target_has_them_and_named_where_not(string to)
    {
        var schema = LabServer.UniqueSchema();
        await using var source = await OpenAsync(await LabServer.SharedAsync("mariadb-10.5", "source"));
        await using var target = await OpenAsync(await LabServer.SharedAsync(to, "target"));
        foreach (var statement in (string[])[
            $"CREATE DATABASE `{schema}`", $"USE `{schema}`", "CREATE TABLE t (id INT PRIMARY KEY)", "SET sql_mode='ORACLE'", "CREATE PACKAGE p AS FUNCTION one RETURN INT DETERMINISTIC; END",
            "CREATE PACKAGE BODY p AS FUNCTION one RETURN INT DETERMINISTIC AS BEGIN RETURN 1; END; END"])
        {
            await source.ExecuteAsync(statement, CancellationToken.None);
        }

        var copier = new SchemaCopier(source, target);
        await copier.CopyTablesAsync(schema, ["t"], true, CancellationToken.None);
        var report = await copier.CopyViewsAndRoutinesAsync([schema], CancellationToken.None);

        if (target.Server.IsMariaDb)
        {
            Assert.Empty(report.Findings);
            Assert.Equal(1, (await target.QueryAsync($"SELECT `{schema}`.p.one()", CancellationToken.None)).GetInt64(0, 0));
        }
        else
        {
            Assert.Equal(2, report.Findings.Count(f => f.Code == "object_not_created" && f.What.Contains($"{schema}.p", StringComparison.Ordinal)));
            Assert.Contains(report.Findings, f => f.What.Contains("package body", StringComparison.Ordinal));
        }
    }

    private static async Task<BackendConnection> OpenAsync(LabServer server)
    {
        var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        await connection.ExecuteAsync("SET sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00'", CancellationToken.None);
        return connection;
    }

    private static async Task CreateAsync(BackendConnection source, BackendConnection target, string schema)
    {
        await source.ExecuteAsync($"CREATE DATABASE `{schema}` CHARACTER SET utf8mb4", CancellationToken.None);
        await source.ChangeSchemaAsync(schema, CancellationToken.None);
        await source.ExecuteAsync("SET foreign_key_checks=0", CancellationToken.None);
        foreach (var statement in TortureSchema.Statements(source.Server, target.Server))
        {
            await source.ExecuteAsync(statement, CancellationToken.None);
        }
    }

    /// <summary>Everything that must survive, in one form for both vendors.</summary>
    private static string Describe(TableDefinition table, BackendConnection source, BackendConnection target)
    {
        var crossVendor = source.Server.IsMariaDb != target.Server.IsMariaDb;
        var toMariaDb = target.Server.IsMariaDb;
        var lines = table.Columns.Select(c =>
        {
            var isText = c.DataType is "json" or "uuid" or "inet4" or "inet6" || (crossVendor && table.Name.Name == "texts") || (crossVendor && c.Name == "j");
            return string.Join(' ',
                c.Ordinal,
                c.Name,
                isText && crossVendor ? "text" : c.Kind.ToString(),
                isText && crossVendor ? "" : $"{c.NumericScale} {(c.Kind == ColumnKind.Decimal ? c.NumericPrecision : null)} {c.CharacterLength}",
                c.Kind == ColumnKind.Enum || c.Kind == ColumnKind.Set ? c.ColumnType : "",
                c.FractionalDigits,
                c.IsNullable || (crossVendor && c.IsGenerated) ? "null" : "not null",
                c.IsUnsigned ? "unsigned" : "",
                c.IsZerofill ? "zerofill" : "",
                isText ? "" : c.CharacterSet?.Replace("utf8mb3", "utf8"),
                isText || crossVendor ? "" : c.Collation?.Replace("utf8mb3_", "utf8_"),
                c.IsGenerated ? c.IsVirtual ? "virtual" : "stored" : "",
                c.IsInvisible ? "invisible" : "",
                c.IsAutoIncrement ? "auto" : "",
                c.Comment,
                crossVendor ? "" : c.Srid);
        });
        var indexes = table.Indexes.Where(i => !(crossVendor && i.Kind == IndexKind.Hash)).OrderBy(i => i.Name).Select(i =>
            $"{i.Name} {i.IsUnique} {i.Kind} {(toMariaDb && target.Server.Version < new Version(10, 8) ? true : i.IsVisible)} " + string.Join(',', i.Parts.Select(p =>
                $"{p.Column}{(p.Expression is null ? "" : "expr")}:{p.PrefixLength}{(p.IsDescending && (!toMariaDb || target.Server.Version >= new Version(10, 8)) ? " desc" : "")}")));
        var keys = table.ForeignKeys.OrderBy(f => f.Name).Select(f =>
            $"{f.Name} {string.Join(',', f.Columns)} {f.ReferencedTable.Name} {string.Join(',', f.ReferencedColumns)} {Action(f.OnDelete)} {Action(f.OnUpdate)}");
        var checks = crossVendor ? "" : $"checks {table.Checks.Count} {table.Checks.Count(c => c.IsEnforced)}";
        var partitions = table.CreateStatement.Contains("PARTITION BY", StringComparison.Ordinal)
            ? string.Join(' ', table.CreateStatement[table.CreateStatement.IndexOf("PARTITION BY", StringComparison.Ordinal)..].Replace("*/", "").Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries)).Replace(" ", "").Replace("`", "").Replace("/*!50611ALGORITHM=2", "").ToLowerInvariant()
            : "";
        return string.Join('\n', [table.Name.Name, .. lines, .. indexes, .. keys, checks, crossVendor ? partitions.Length > 0 ? "partitioned" : "" : partitions, $"key {table.Key?.Name}"]);
    }

    /// <summary>InnoDB treats NO ACTION as RESTRICT; the vendors print it differently.</summary>
    private static ForeignKeyAction Action(ForeignKeyAction action) => action == ForeignKeyAction.NoAction ? ForeignKeyAction.Restrict : action;

    private static async Task AssertDefaultsAgreeAsync(BackendConnection source, BackendConnection target, string schema, TableDefinition child)
    {
        var columns = string.Join(", ", child.Columns.Where(c => c.Name is not ("ts" or "dt")).Select(c => c.CanonicalExpression));
        var rows = new List<string>();
        foreach (var side in new[] { source, target })
        {
            await side.ExecuteAsync($"INSERT INTO `{schema}`.child () VALUES ()", CancellationToken.None);
            var row = await side.QueryAsync($"SELECT {columns} FROM `{schema}`.child", CancellationToken.None);
            rows.Add(string.Join('|', Enumerable.Range(0, row.Columns.Count).Select(i => row.IsNull(0, i) ? "NULL" : Convert.ToHexString(row.GetBytes(0, i)))));
        }

        Assert.Equal(rows[0], rows[1]);
    }
}
