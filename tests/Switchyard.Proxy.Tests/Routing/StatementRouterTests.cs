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

    private static RouteAnswer Route(string sql, string schema) =>
        StatementRouter.Route(
            StatementTables.Of(SqlScanner.Scan(System.Text.Encoding.UTF8.GetBytes(sql), default), schema, null), schema, s_routing, new SessionPins());
}
