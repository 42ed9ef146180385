using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tests.Schema;

/// <summary>Whatever would keep a migration from being right is named before it starts, all at once, with what to do.</summary>
[Trait("Category", "Integration")]
public sealed class SchemaGateTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task An_ordinary_schema_between_ordinary_servers_is_not_refused(string from, string to)
    {
        var (source, target) = (await LabServer.SharedAsync(from, "source"), await LabServer.SharedAsync(to, "target"));
        var schema = await CreateSchemaAsync(source, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10))");

        var findings = await InspectAsync(source.Dsn, target.Dsn, schema);

        Assert.DoesNotContain(findings, f => f.Severity == GateSeverity.Refuse);
    }

    [Fact]
    public async Task A_schema_with_sequences_is_refused_where_the_target_has_none()
    {
        var (source, target) = (await LabServer.SharedAsync("mariadb-10.11", "source"), await LabServer.SharedAsync("mysql-9.7", "target"));
        var schema = await CreateSchemaAsync(source, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE SEQUENCE counting");

        var refused = (await InspectAsync(source.Dsn, target.Dsn, schema)).Single(f => f.Severity == GateSeverity.Refuse);

        Assert.Equal("sequences", refused.Code);
        Assert.Contains("counting", refused.What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sequences_that_tables_which_move_would_miss_or_share_are_named()
    {
        var (source, target) = (await LabServer.SharedAsync("mariadb-11.8", "source"), await LabServer.SharedAsync("mariadb-10.5", "target"));
        var elsewhere = await CreateSchemaAsync(source, "CREATE SEQUENCE far");
        var schema = await CreateSchemaAsync(
            source, "CREATE SEQUENCE near", "CREATE SEQUENCE own", $"CREATE TABLE moves (id INT PRIMARY KEY DEFAULT NEXTVAL(near), v INT DEFAULT NEXTVAL({elsewhere}.far), w INT DEFAULT NEXTVAL(own))",
            "CREATE TABLE stays (id INT PRIMARY KEY DEFAULT NEXTVAL(near))");

        var findings = await InspectAsync(["moves", "own"]);

        Assert.Contains($"{elsewhere}.far", Assert.Single(findings, f => f.Severity == GateSeverity.Refuse && f.Code == "sequence_elsewhere").What, StringComparison.Ordinal);
        var shared = Assert.Single(findings, f => f.Code == "sequence_shared");
        Assert.True(shared.What.Contains("moves, which moves, and", StringComparison.Ordinal) && shared.What.Contains("stays, which stays", StringComparison.Ordinal), shared.What);
        Assert.DoesNotContain(findings, f => f.Code == "unknown_table");
        Assert.Equal("none", Assert.Single(await InspectAsync(["moves", "none"]), f => f.Code == "unknown_table").Subject);

        Task<IReadOnlyList<GateFinding>> InspectAsync(string[] tables) => SchemaGate.InspectAsync(
            new GateRequest { Source = ConnectionOptions.Parse(source.Dsn), Target = ConnectionOptions.Parse(target.Dsn), Schemas = [new GateSchema(schema) { Tables = tables }] }, CancellationToken.None);
    }

    [Fact]
    public async Task Sequences_that_triggers_use_count_as_those_that_defaults_use()
    {
        var (source, target) = (await LabServer.SharedAsync("mariadb-11.8", "source"), await LabServer.SharedAsync("mariadb-10.5", "target"));
        var elsewhere = await CreateSchemaAsync(source, "CREATE SEQUENCE far");
        var schema = await CreateSchemaAsync(
            source, "CREATE SEQUENCE near", "CREATE TABLE moves (id INT PRIMARY KEY, v INT)", "CREATE TABLE stays (id INT PRIMARY KEY DEFAULT NEXTVAL(near))",
            $"CREATE TRIGGER counted BEFORE INSERT ON moves FOR EACH ROW BEGIN SET NEW.id=NEXTVAL(near); SET NEW.v=NEXT VALUE FOR {elsewhere}.far; END");

        var findings = await SchemaGate.InspectAsync(
            new GateRequest { Source = ConnectionOptions.Parse(source.Dsn), Target = ConnectionOptions.Parse(target.Dsn), Schemas = [new GateSchema(schema) { Tables = ["moves"] }] }, CancellationToken.None);

        Assert.DoesNotContain(findings, f => f.Severity == GateSeverity.Refuse);
        Assert.Contains($"A trigger of {schema}.moves uses the sequence {elsewhere}.far", Assert.Single(findings, f => f.Code == "sequence_elsewhere").What, StringComparison.Ordinal);
        Assert.Contains($"{schema}.stays, which stays", Assert.Single(findings, f => f.Code == "sequence_shared").What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task Routines_views_and_events_that_the_copy_would_replace_on_the_target_are_named_and_those_alike_are_not(string from, string to)
    {
        var (source, target) = (await LabServer.SharedAsync(from, "source"), await LabServer.SharedAsync(to, "target"));
        const string Alike = "CREATE PROCEDURE alike() SELECT 1";
        var schema = await CreateSchemaAsync(
            source, "CREATE TABLE t (id INT PRIMARY KEY)", Alike, "CREATE FUNCTION f() RETURNS INT DETERMINISTIC NO SQL RETURN 1", "CREATE VIEW v AS SELECT 1 AS one", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1");
        await using var admin = await BackendConnection.OpenAsync(ConnectionOptions.Parse(target.Dsn), CancellationToken.None);
        await admin.ExecuteAsync($"CREATE DATABASE {schema}", CancellationToken.None);
        await admin.ChangeSchemaAsync(schema, CancellationToken.None);
        await admin.ExecuteAsync(Alike, CancellationToken.None);
        Assert.DoesNotContain(await InspectAsync(source.Dsn, target.Dsn, schema), f => f.Severity == GateSeverity.Refuse);

        foreach (var statement in (string[])["CREATE FUNCTION F() RETURNS INT DETERMINISTIC NO SQL RETURN 2", "CREATE VIEW v AS SELECT 2 AS two", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 2", "CREATE PROCEDURE other() SELECT 1"])
        {
            await admin.ExecuteAsync(statement, CancellationToken.None);
        }

        var refused = (await InspectAsync(source.Dsn, target.Dsn, schema)).Single(f => f.Severity == GateSeverity.Refuse);
        Assert.Equal("target_has_code", refused.Code);
        Assert.Contains($"(event {schema}.e, function {schema}.f, view {schema}.v)", refused.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everything_wrong_with_the_tables_is_named_at_once()
    {
        var (source, target) = (await LabServer.SharedAsync("mariadb-10.11", "source"), await LabServer.SharedAsync("mysql-9.7", "target"));
        var schema = await CreateSchemaAsync(
            source,
            "CREATE TABLE no_key (v INT)",
            "CREATE TABLE nearly (v INT NULL, w VARCHAR(9) CHARACTER SET greek DEFAULT 'x' COMMENT 'it''s', UNIQUE KEY u (v, w))",
            "CREATE TABLE begins (b VARCHAR(50) NOT NULL, PRIMARY KEY (b(10)))",
            "CREATE TABLE ring (id INT PRIMARY KEY, up INT)",
            "CREATE TABLE ring_too (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES ring (id) ON DELETE CASCADE)",
            "ALTER TABLE ring ADD FOREIGN KEY (up) REFERENCES ring_too (id) ON UPDATE SET NULL",
            "CREATE TABLE isam (id INT PRIMARY KEY) ENGINE=MyISAM",
            "CREATE TABLE versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING",
            "CREATE TABLE float_key (id FLOAT PRIMARY KEY)",
            "CREATE TABLE outside (id INT PRIMARY KEY)",
            "CREATE TABLE child (id INT PRIMARY KEY, p INT, CONSTRAINT c FOREIGN KEY (p) REFERENCES outside (id))",
            "CREATE TABLE hashed (id INT PRIMARY KEY, t TEXT, UNIQUE KEY u (t))",
            "CREATE TABLE short_year (id INT PRIMARY KEY, y YEAR(2) NOT NULL COMMENT 'built')",
            "CREATE TABLE taken (id INT PRIMARY KEY)");
        await using var there = await BackendConnection.OpenAsync(ConnectionOptions.Parse(target.Dsn), CancellationToken.None);
        await there.ExecuteMultiAsync($"CREATE DATABASE `{schema}`; CREATE TABLE `{schema}`.taken (id INT PRIMARY KEY)", CancellationToken.None);

        var findings = await SchemaGate.InspectAsync(
            new GateRequest
            {
                Source = ConnectionOptions.Parse(source.Dsn), Target = ConnectionOptions.Parse(target.Dsn),
                Schemas = [new GateSchema(schema) { ExcludedTables = ["outside", "nothing"] }],
            },
            CancellationToken.None);

        string[] expected = ["no_key", "engine", "system_versioned", "key_inexact", "foreign_key_out", "hash_index", "target_not_empty", "unknown_table", "cascade_cycle", "year_two_digits"];
        Assert.All(expected, code => Assert.Contains(findings, f => f.Code == code && f.Severity == GateSeverity.Refuse));
        Assert.Contains(findings, f => f is { Code: "year_two_digits" } && f.Remedy.Contains("MODIFY `y` year(4) NOT NULL COMMENT 'built' on", StringComparison.Ordinal));
        Assert.Contains(findings, f => f is { Code: "no_key" } && f.Subject.EndsWith("nearly", StringComparison.Ordinal) && f.Remedy.Contains("MODIFY `v` int(11) NOT NULL, MODIFY `w` varchar(9) CHARACTER SET greek COLLATE greek_general_ci NOT NULL DEFAULT 'x' COMMENT 'it''s' on", StringComparison.Ordinal));
        var begins = Assert.Single(findings, f => f is { Code: "no_key" } && f.Subject.EndsWith("begins", StringComparison.Ordinal));
        Assert.Contains("its primary key has only the beginning of b", begins.What, StringComparison.Ordinal);
        await using var here = await BackendConnection.OpenAsync(ConnectionOptions.Parse(source.Dsn), CancellationToken.None);
        await here.ExecuteAsync(begins.Remedy[begins.Remedy.IndexOf("ALTER", StringComparison.Ordinal)..begins.Remedy.IndexOf(" on the source", StringComparison.Ordinal)], CancellationToken.None);
        Assert.All(findings.Where(f => f.Severity == GateSeverity.Refuse), f => Assert.True(f.What.EndsWith('.') && f.Remedy.Length > 0, f.ToString()));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-5.6")]
    public async Task What_other_schemas_do_with_tables_that_move_is_named(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        var schema = await CreateSchemaAsync(server, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE stays (id INT PRIMARY KEY)", "CREATE PROCEDURE refill() DELETE FROM t");
        var outside = await CreateSchemaAsync(
            server, "CREATE TABLE x (id INT)",
            $"CREATE VIEW shown AS SELECT id FROM {schema}.t",
            $"CREATE VIEW other_shown AS SELECT id FROM {schema}.stays",
            $"CREATE TRIGGER writes AFTER INSERT ON x FOR EACH ROW INSERT INTO `{schema}` . `t` VALUES (NEW.id)",
            $"CREATE TRIGGER writes_nothing AFTER DELETE ON x FOR EACH ROW SET @s = '{schema}'",
            $"CREATE EVENT runs ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM {schema}.t WHERE id < 0",
            $"CREATE EVENT sleeps ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DISABLE DO DELETE FROM {schema}.t WHERE id < 0",
            $"CREATE PROCEDURE calls() CALL {schema}.refill()");

        var whole = await FindAsync(new GateSchema(schema));
        Assert.Equal(
            [
                ("event_in", $"{outside}.runs", GateSeverity.Refuse), ("routine_in", $"{outside}.calls", GateSeverity.Warn), ("trigger_in", $"{outside}.writes", GateSeverity.Refuse),
                ("view_in", $"{outside}.other_shown", GateSeverity.Warn), ("view_in", $"{outside}.shown", GateSeverity.Warn),
            ],
            whole);
        Assert.DoesNotContain(await FindAsync(new GateSchema(schema) { Tables = ["t"] }), f => f.Subject.EndsWith("other_shown", StringComparison.Ordinal));
        Assert.Empty(await FindAsync(new GateSchema(schema), new GateSchema(outside)));

        async Task<IEnumerable<(string Code, string Subject, GateSeverity Severity)>> FindAsync(params GateSchema[] schemas)
        {
            var target = await LabServer.SharedAsync("mariadb-10.11", "target");
            var findings = await SchemaGate.InspectAsync(
                new GateRequest { Source = ConnectionOptions.Parse(server.Dsn), Target = ConnectionOptions.Parse(target.Dsn), Schemas = schemas }, CancellationToken.None);
            return findings.Where(f => f.Code is "view_in" or "trigger_in" or "event_in" or "routine_in").Select(f => (f.Code, f.Subject, f.Severity)).Order();
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-5.6")]
    public async Task What_triggers_and_events_do_through_routines_and_views_counts_as_their_own(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        var schema = await CreateSchemaAsync(server, "CREATE TABLE t (id INT PRIMARY KEY)");
        var outside = await CreateSchemaAsync(
            server, "CREATE TABLE x (id INT)", "CREATE TABLE y (id INT)",
            $"CREATE PROCEDURE last_one() DELETE FROM {schema}.t",
            "CREATE PROCEDURE first_one() BEGIN /* CALL nothing() */ CALL last_one(); END",
            $"CREATE VIEW shown AS SELECT id FROM {schema}.t",
            "CREATE TRIGGER by_call AFTER INSERT ON x FOR EACH ROW CALL first_one()",
            "CREATE TRIGGER by_view AFTER INSERT ON y FOR EACH ROW INSERT INTO shown VALUES (NEW.id)",
            "CREATE TRIGGER of_nothing AFTER DELETE ON x FOR EACH ROW SET @first_one = 'CALL first_one()'",
            "CREATE EVENT runs ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO CALL first_one()");

        var found = await GateOf(server, "mariadb-10.11", new GateSchema(schema));
        Assert.Equal(
            [$"event_in {outside}.runs", $"routine_in {outside}.first_one", $"routine_in {outside}.last_one", $"trigger_in {outside}.by_call", $"trigger_in {outside}.by_view", $"view_in {outside}.shown"],
            found.Select(f => $"{f.Code} {f.Subject}").Order(StringComparer.Ordinal));
        Assert.Contains($"uses {schema}.t through {outside}.first_one, which is", found.Single(f => f.Subject == $"{outside}.by_call").What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task A_trigger_that_moves_and_uses_what_stays_is_refused_unless_the_target_has_it(string from, string to)
    {
        var server = await LabServer.SharedAsync(from, "source");
        var schema = await CreateSchemaAsync(server, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE stays (id INT PRIMARY KEY)");
        var outside = await CreateSchemaAsync(server, "CREATE TABLE log (id INT)", "CREATE FUNCTION one() RETURNS INT DETERMINISTIC NO SQL RETURN 1");
        await using (var admin = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn) with { Schema = schema }, default))
        {
            await admin.ExecuteAsync($"CREATE TRIGGER logs AFTER INSERT ON t FOR EACH ROW INSERT INTO {outside}.log VALUES (NEW.id)", default);
            await admin.ExecuteAsync($"CREATE TRIGGER asks BEFORE UPDATE ON t FOR EACH ROW SET NEW.id = {outside}.one()", default);
            await admin.ExecuteAsync("CREATE TRIGGER inside AFTER DELETE ON t FOR EACH ROW DELETE FROM stays WHERE id = OLD.id", default);
            await admin.ExecuteAsync("CREATE TRIGGER back AFTER DELETE ON stays FOR EACH ROW DELETE FROM t WHERE id = OLD.id", default);
            await admin.ExecuteAsync("CREATE EVENT both_ways ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE t FROM t JOIN stays USING (id)", default);
        }

        Assert.Equal(["Refuse trigger_out asks", "Refuse trigger_out logs"], Named(await GateOf(server, to, new GateSchema(schema))));
        Assert.Equal(
            ["Refuse event_out both_ways", "Refuse trigger_in back", "Refuse trigger_out asks", "Refuse trigger_out inside", "Refuse trigger_out logs"],
            Named(await GateOf(server, to, new GateSchema(schema) { Tables = ["t"] })));
        Assert.Empty(await GateOf(server, to, new GateSchema(schema), new GateSchema(outside)));

        var target = await LabServer.SharedAsync(to, "target");
        await using var there = await BackendConnection.OpenAsync(ConnectionOptions.Parse(target.Dsn), default);
        await there.ExecuteMultiAsync($"CREATE DATABASE `{outside}`; CREATE TABLE `{outside}`.log (id INT)", default);
        Assert.Equal(["Refuse trigger_out asks", "Warn trigger_out logs"], Named(await GateOf(server, to, new GateSchema(schema))));
        await there.ExecuteAsync($"DROP DATABASE `{outside}`", default);

        static IEnumerable<string> Named(IEnumerable<GateFinding> findings) =>
            findings.Select(f => $"{f.Severity} {f.Code} {f.Subject[(f.Subject.IndexOf('.', StringComparison.Ordinal) + 1)..]}").Order(StringComparer.Ordinal);
    }

    private static async Task<IReadOnlyList<GateFinding>> GateOf(LabServer source, string to, params GateSchema[] schemas)
    {
        var target = await LabServer.SharedAsync(to, "target");
        var findings = await SchemaGate.InspectAsync(
            new GateRequest { Source = ConnectionOptions.Parse(source.Dsn), Target = ConnectionOptions.Parse(target.Dsn), Schemas = schemas }, CancellationToken.None);
        return [.. findings.Where(f => f.Code is "view_in" or "trigger_in" or "event_in" or "routine_in" or "trigger_out" or "event_out")];
    }

    [Fact]
    public async Task A_source_that_cannot_be_followed_is_refused_with_every_reason()
    {
        await using var bad = await LabServer.StartAsync("mariadb-10.11", "--binlog-format=STATEMENT", "--binlog-row-image=MINIMAL", "--binlog-ignore-db=other");
        await using var silent = await LabServer.StartAsync("mariadb-10.11", "--skip-log-bin");
        var schema = await CreateSchemaAsync(bad, "CREATE TABLE t (id INT PRIMARY KEY)");

        var findings = await InspectAsync(bad.Dsn, silent.Dsn, schema);
        var other = await InspectAsync(silent.Dsn, bad.Dsn, "nowhere");

        string[] expected = ["binlog_format", "binlog_row_image", "binlog_filters", "reverse_binlog_off"];
        Assert.All(expected, code => Assert.Contains(findings, f => f.Code == code));
        Assert.Contains(other, f => f.Code == "binlog_off");
        Assert.Contains(other, f => f.Code == "unknown_schema");
        Assert.Contains(other, f => f.Code == "reverse_binlog_format" && f.Severity == GateSeverity.Warn);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-5.6")]
    public async Task A_missing_grant_is_named_with_the_statement_that_gives_it(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        var target = await LabServer.SharedAsync("mariadb-10.11", "target");
        var schema = await CreateSchemaAsync(server, "CREATE TABLE t (id INT PRIMARY KEY)");
        await using var admin = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        var user = $"u_{schema}"[..Math.Min(16, schema.Length + 2)];
        await admin.ExecuteMultiAsync($"CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY 'pw'; GRANT SELECT ON `{schema}`.* TO '{user}'@'127.0.0.1'", CancellationToken.None);
        var limited = new UriBuilder(server.Dsn) { UserName = user, Password = "pw" }.Uri.ToString();

        var findings = await InspectAsync(limited, target.Dsn, schema);
        Assert.Equal(name == "mysql-5.6", findings.Any(f => f is { Code: "binlog_error_action", Severity: GateSeverity.Warn }));
        var grants = findings.Where(f => f.Code == "grants_missing" && f.Subject == "source").ToList();

        Assert.Equal(2, grants.Count);
        foreach (var grant in grants.Append(Assert.Single(findings, f => f is { Code: "process_missing", Severity: GateSeverity.Warn })))
        {
            var statement = grant.Remedy[grant.Remedy.IndexOf("GRANT", StringComparison.Ordinal)..];
            await admin.ExecuteAsync(statement.TrimEnd(';'), CancellationToken.None);
        }

        Assert.DoesNotContain(await InspectAsync(limited, target.Dsn, schema), f => f.Severity == GateSeverity.Refuse || f.Code == "process_missing");
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    [InlineData("mysql-9.7")]
    public async Task A_role_counts_once_it_is_active_from_login_on(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        var target = await LabServer.SharedAsync("mariadb-10.11", "target");
        var schema = await CreateSchemaAsync(server, "CREATE TABLE t (id INT PRIMARY KEY)");
        await using var admin = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        var (user, role) = ($"u_{schema}", $"r_{schema}");
        await admin.ExecuteMultiAsync(
            $"CREATE ROLE {role}; CREATE USER '{user}'@'127.0.0.1' IDENTIFIED BY 'pw'; GRANT {role} TO '{user}'@'127.0.0.1'; GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {role}; GRANT ALL ON `{schema}`.* TO {role}",
            CancellationToken.None);
        if (!admin.Server.IsMariaDb)
        {
            await admin.ExecuteAsync($"GRANT XA_RECOVER_ADMIN ON *.* TO {role}", CancellationToken.None);
        }

        var limited = new UriBuilder(server.Dsn) { UserName = user, Password = "pw" }.Uri.ToString();

        var before = await InspectAsync(limited, target.Dsn, schema);
        await admin.ExecuteAsync($"SET DEFAULT ROLE {role} {(admin.Server.IsMariaDb ? "FOR" : "TO")} '{user}'@'127.0.0.1'", CancellationToken.None);
        var after = await InspectAsync(limited, target.Dsn, schema);

        Assert.Contains(before, f => f.Code == "grants_missing" && f.Remedy.Contains("SET DEFAULT ROLE", StringComparison.Ordinal));
        Assert.DoesNotContain(after, f => f.Severity == GateSeverity.Refuse);
        Assert.Contains(after, f => f.Code == "reverse_grants" && f.What.Contains("_switchyard", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Fractions_in_a_format_the_log_does_not_describe_are_refused()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.5", "--mysql56-temporal-format=OFF");
        var target = await LabServer.SharedAsync("mariadb-10.11", "target");
        var schema = await CreateSchemaAsync(server, "CREATE TABLE t (id INT PRIMARY KEY, whole TIME, part TIME(3), stamp TIMESTAMP(6))");

        var findings = await InspectAsync(server.Dsn, target.Dsn, schema);

        Assert.Equal([$"{schema}.t.part", $"{schema}.t.stamp"], findings.Where(f => f.Code == "old_temporal").Select(f => f.Subject).Order());
    }

    [Fact]
    public async Task A_wrong_address_or_password_is_a_sentence()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        var wrong = new UriBuilder(server.Dsn) { Password = "no" }.Uri.ToString();

        var findings = await InspectAsync(wrong, "mysql://root:x@127.0.0.1:1/", "any");

        Assert.Equal(["login_refused", "unreachable"], findings.Select(f => f.Code).Order());
    }

    private static Task<IReadOnlyList<GateFinding>> InspectAsync(string source, string target, string schema) => SchemaGate.InspectAsync(
        new GateRequest { Source = ConnectionOptions.Parse(source), Target = ConnectionOptions.Parse(target), Schemas = [new GateSchema(schema)] }, CancellationToken.None);

    private static async Task<string> CreateSchemaAsync(LabServer server, params string[] tables)
    {
        var schema = LabServer.UniqueSchema();
        await using var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        await connection.ExecuteAsync($"CREATE DATABASE `{schema}`", CancellationToken.None);
        await connection.ChangeSchemaAsync(schema, CancellationToken.None);
        foreach (var table in tables)
        {
            await connection.ExecuteAsync(table, CancellationToken.None);
        }

        return schema;
    }

    [Theory]
    [InlineData(ServerVendor.MySql, "5.7.44", ServerVendor.MySql, "8.0.21", "are copied as the strings and integers their text reads as, and written so on the way back")]
    [InlineData(ServerVendor.MySql, "8.0.21", ServerVendor.MySql, "8.0.20", "by copy and stream: dates, times, binary and unsigned integers put there by functions become the strings and integers their text reads as.")]
    [InlineData(ServerVendor.MySql, "8.0.20", ServerVendor.MySql, "5.7.44", "on the way back too")]
    [InlineData(ServerVendor.MySql, "8.0.21", ServerVendor.MySql, "9.7.0", null)]
    [InlineData(ServerVendor.MySql, "5.7.44", ServerVendor.MariaDb, "11.8.0", null)]
    [InlineData(ServerVendor.MariaDb, "11.8.0", ServerVendor.MySql, "5.7.44", null)]
    public void A_pair_of_servers_that_loses_what_scalars_inside_JSON_are_is_warned_of(ServerVendor vendor, string version, ServerVendor targetVendor, string targetVersion, string? said)
    {
        var json = new ColumnDefinition { Ordinal = 0, Name = "doc", ColumnType = "json", DataType = "json", Kind = ColumnKind.Json };
        var generated = json with { Name = "copy", IsGenerated = true };
        static TableDefinition Table(ColumnDefinition column) =>
            new() { Name = new TableName("s", "t"), Columns = [column], Indexes = [], ForeignKeys = [], Engine = "InnoDB", CreateStatement = "" };
        var source = new ServerInfo(vendor, Version.Parse(version), version, 1, default);
        var target = new ServerInfo(targetVendor, Version.Parse(targetVersion), targetVersion, 1, default);

        var found = TableRules.CheckPair(Table(json), source, target).ToArray();

        Assert.Empty(TableRules.CheckPair(Table(generated), source, target));
        Assert.Equal(said is null ? 0 : 1, found.Length);
        Assert.All(found, f => Assert.Equal(("json_types", GateSeverity.Warn, "s.t.doc"), (f.Code, f.Severity, f.Subject)));
        Assert.All(found, f => Assert.Contains(said!, f.What, StringComparison.Ordinal));
    }
}
