using Switchyard.Proxy.Routing;
using Switchyard.Proxy.Sessions;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Routing;

/// <summary>One statement, one backend, or a sentence.</summary>
public sealed class StatementRouterTests
{
    private static readonly RoutingTable s_routing = new(
        1, "old", [new RoutingRule("shop", null, "new", "new"), new RoutingRule("crm", "people", "new", "new"), new RoutingRule("log", null, "old", "new")]);

    [Theory]
    [InlineData("SELECT * FROM t", "shop", "new")]
    [InlineData("SELECT * FROM t", "other", "old")]
    [InlineData("SELECT * FROM people", "crm", "new")]
    [InlineData("SELECT * FROM orders", "crm", "old")]
    [InlineData("SELECT * FROM t", "log", "old")]
    [InlineData("SELECT * FROM shop.t JOIN crm.people USING (id)", "log", "new")]
    [InlineData("SELECT * FROM t JOIN information_schema.tables", "shop", "new")]
    [InlineData("SELECT * FROM mysql.user", "shop", null)]
    [InlineData("SELECT 1", "shop", null)]
    [InlineData("CALL p()", "shop", "new")]
    [InlineData("CALL p()", "other", "old")]
    public void A_statement_goes_where_its_tables_are_written(string sql, string schema, string? backend)
    {
        var route = Route(sql, schema);
        Assert.Null(route.Error);
        Assert.Equal(backend, route.Backend);
    }

    [Theory]
    [InlineData("SELECT * FROM people JOIN orders USING (id)", "crm", "crm.people", "crm.orders")]
    [InlineData("INSERT INTO shop.t SELECT * FROM other.t", "log", "shop.t", "other.t")]
    public void Tables_on_two_backends_are_refused_by_name(string sql, string schema, string first, string second)
    {
        var message = Route(sql, schema).Error!.Value.Message;
        Assert.Contains(first, message, StringComparison.Ordinal);
        Assert.Contains(second, message, StringComparison.Ordinal);
        Assert.Contains("'old'", message, StringComparison.Ordinal);
        Assert.Contains("'new'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_statement_not_understood_is_refused_in_a_schema_that_is_split()
    {
        Assert.NotNull(Route("CALL p()", "crm").Error);
        Assert.NotNull(Route("something unheard of", "crm").Error);
    }

    [Theory]
    [InlineData("CALL shop.p()", null, "new")]
    [InlineData("CALL shop.p()", "other", "new")]
    [InlineData("SELECT shop.f(1)", null, "new")]
    [InlineData("DROP PROCEDURE shop.p", null, "new")]
    [InlineData("DROP PROCEDURE IF EXISTS shop.p", "other", "new")]
    [InlineData("CREATE PROCEDURE shop.p() BEGIN INSERT INTO t VALUES (1); END", "other", "new")]
    [InlineData("CREATE OR REPLACE FUNCTION shop.f() RETURNS INT RETURN 1", null, "new")]
    [InlineData("CREATE EVENT shop.e ON SCHEDULE EVERY 1 DAY DO DELETE FROM t", "other", "new")]
    [InlineData("ALTER EVENT shop.e DISABLE", null, "new")]
    [InlineData("DROP TRIGGER shop.g", "other", "new")]
    [InlineData("CREATE TRIGGER g BEFORE INSERT ON shop.t FOR EACH ROW SET @a = 1", null, "new")]
    [InlineData("DROP DATABASE shop", null, "new")]
    [InlineData("DROP SCHEMA IF EXISTS shop", "other", "new")]
    [InlineData("ALTER DATABASE shop CHARACTER SET utf8mb4", "other", "new")]
    [InlineData("EXECUTE IMMEDIATE 'INSERT INTO shop.t VALUES (1)'", null, "new")]
    [InlineData("PREPARE q FROM 'INSERT INTO `shop`.t VALUES (1)'", null, "new")]
    [InlineData("BEGIN NOT ATOMIC INSERT INTO shop.t VALUES (1); END", null, "new")]
    [InlineData("BEGIN NOT ATOMIC EXECUTE IMMEDIATE 'INSERT INTO shop.t VALUES (1)'; END", null, "new")]
    [InlineData("EXECUTE IMMEDIATE 'DROP DATABASE shop'", null, "new")]
    [InlineData("UPDATE $a, shop.t SET a = 1", null, "new")]
    [InlineData("CALL shop.pack.p()", "other", "new")]
    [InlineData("SELECT shop.pack.f(1)", null, "new")]
    public void A_statement_that_is_not_understood_goes_where_the_schema_it_names_is(string sql, string? schema, string backend)
    {
        var route = Route(sql, schema);
        Assert.Null(route.Error);
        Assert.Equal(backend, route.Backend);
    }

    [Theory]
    [InlineData("EXECUTE IMMEDIATE 'INSERT INTO shop.t VALUES (1)'", "other")]
    [InlineData("BEGIN NOT ATOMIC INSERT INTO shop.t VALUES (1); END", "other")]
    [InlineData("BEGIN NOT ATOMIC INSERT INTO shop.t SELECT * FROM log.t; END", null)]
    [InlineData("UPDATE $a, shop.t SET a = 1", "other")]
    [InlineData("EXECUTE IMMEDIATE 'USE shop'; DELETE FROM t", "other")]
    public void A_statement_that_is_not_understood_and_may_use_both_sides_is_refused(string sql, string? schema)
    {
        var route = Route(sql, schema);
        Assert.Contains("cannot tell which tables", route.Error!.Value.Message, StringComparison.Ordinal);
        Assert.False(route.IsUntied);
    }

    [Fact]
    public void A_statement_in_a_character_set_that_cannot_be_read_is_tied_to_the_schema_it_names()
    {
        var info = SqlScanner.Scan("UPDATE shop.t SET a = 'é'"u8, s_mariaDb with { AsciiUnsafeCharacterSet = true });
        RouteAnswer From(string? schema) => StatementRouter.Route(StatementTables.Of(info, schema, null), schema, s_routing, new SessionPins());
        Assert.Equal("new", From("shop").Backend);
        Assert.Equal("new", From(null).Backend);
        Assert.NotNull(From("other").Error);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("other")]
    [InlineData("shop")]
    public void A_replayed_piece_of_a_log_is_refused_while_tables_are_on_two_servers(string? schema)
    {
        Assert.Contains("replays a piece of a binary log", Route("BINLOG 'AAAA'", schema).Error!.Value.Message, StringComparison.Ordinal);
        Assert.Contains("replays a piece of a binary log", Route("/*!40101 SET @a = 1 */; BINLOG 'AAAA'", schema).Error!.Value.Message, StringComparison.Ordinal);
        var before = new RoutingTable(1, "old", [new RoutingRule("log", null, "old", "new")]);
        var info = SqlScanner.Scan("BINLOG 'AAAA'"u8, s_mariaDb);
        Assert.Null(StatementRouter.Route(StatementTables.Of(info, schema, null), schema, before, new SessionPins()).Error);
    }

    [Theory]
    [InlineData("EXECUTE IMMEDIATE @q")]
    [InlineData("PREPARE q FROM @q")]
    [InlineData("something unheard of")]
    public void A_statement_that_could_be_at_home_on_either_side_is_refused(string sql)
    {
        var route = Route(sql, null);
        Assert.Contains("Choose a schema first", route.Error!.Value.Message, StringComparison.Ordinal);
        Assert.True(route.IsUntied);
    }

    [Theory]
    [InlineData("SELECT 1", null, null)]
    [InlineData("SHOW DATABASES", null, null)]
    [InlineData("SET NAMES utf8mb4", null, null)]
    [InlineData("FLUSH STATUS", null, null)]
    [InlineData("CREATE USER a IDENTIFIED BY 'b'", null, null)]
    [InlineData("CREATE SERVER x FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'h')", null, null)]
    [InlineData("SELECT no_such_function(1)", null, null)]
    [InlineData("CALL sys.diagnostics()", null, null)]
    [InlineData("CREATE DATABASE fresh", null, "old")]
    [InlineData("CREATE DATABASE fresh", "shop", "old")]
    [InlineData("CALL other.p()", null, "old")]
    [InlineData("CALL other.p()", "shop", "old")]
    [InlineData("BEGIN NOT ATOMIC INSERT INTO other.t VALUES (1); END", null, null)]
    [InlineData("EXECUTE IMMEDIATE @q", "other", "old")]
    [InlineData("EXECUTE IMMEDIATE 'SELECT a.b FROM t a'", "other", "old")]
    [InlineData("EXECUTE IMMEDIATE 'SELECT * FROM mail WHERE host = \"www.shop.example\"'", "other", "old")]
    public void What_has_to_do_with_no_migrated_schema_goes_on_as_before(string sql, string? schema, string? backend)
    {
        var route = Route(sql, schema);
        Assert.Null(route.Error);
        Assert.Equal(backend, route.Backend);
    }

    [Fact]
    public void Where_all_rules_say_the_same_backend_nothing_is_refused()
    {
        var routing = new RoutingTable(1, "old", [new RoutingRule("log", null, "old", "new")]);
        var info = SqlScanner.Scan("EXECUTE IMMEDIATE @q"u8, s_mariaDb);
        Assert.Null(StatementRouter.Route(StatementTables.Of(info, null, null), null, routing, new SessionPins()).Error);
    }

    [Fact]
    public void A_temporary_table_hides_the_one_the_rule_speaks_of()
    {
        var pins = new SessionPins();
        pins.TemporaryTableCreated("crm", "people");
        var info = SqlScanner.Scan("SELECT * FROM people JOIN orders USING (id)"u8, default);
        Assert.Equal("old", StatementRouter.Route(StatementTables.Of(info, "crm", null), "crm", s_routing, pins).Backend);
    }

    [Fact]
    public void Home_is_where_the_schemas_other_tables_are()
    {
        Assert.Equal("new", StatementRouter.HomeOf("shop", s_routing));
        Assert.Equal("old", StatementRouter.HomeOf("crm", s_routing));
        Assert.Equal("old", StatementRouter.HomeOf(null, s_routing));
        Assert.Equal("old", StatementRouter.HomeOf("INFORMATION_SCHEMA", s_routing));
    }

    private static readonly ScanOptions s_mariaDb = new() { ServerVersion = 101119, MariaDb = true };

    private static RouteAnswer Route(string sql, string? schema) =>
        StatementRouter.Route(
            StatementTables.Of(SqlScanner.Scan(System.Text.Encoding.UTF8.GetBytes(sql), s_mariaDb), schema, null), schema, s_routing, new SessionPins());
}
