namespace Switchyard.Topology.Tests;

public sealed class RoutingTableTests
{
    private static readonly RoutingTable s_table = new(
        7, "old", [new RoutingRule("shop", null, "new", "new"), new RoutingRule("shop", "orders", "old", "new", "m"), new RoutingRule("crm", "people", "new", "new")]);

    [Theory]
    [InlineData("shop", "orders", "old", "new")]
    [InlineData("shop", "items", "new", "new")]
    [InlineData("crm", "people", "new", "new")]
    [InlineData("crm", "other", "old", "old")]
    [InlineData("SHOP", "orders", "old", "old")]
    public void A_rule_for_the_table_is_stronger_than_one_for_the_schema_than_the_default(string schema, string table, string writer, string reader)
    {
        var route = s_table.Resolve(schema, table)!.Value;
        Assert.Equal((writer, reader), (route.Writer, route.Reader));
    }

    [Fact]
    public void Names_are_compared_as_the_server_does()
    {
        var table = s_table with { IgnoreCase = true };
        Assert.Equal("new", table.Resolve("SHOP", "Orders")!.Value.Reader);
        Assert.True(table.HasRules("Shop"));
        Assert.False(s_table.HasRules("Shop"));
    }

    [Fact]
    public void Without_a_default_backend_an_unnamed_table_has_no_route() =>
        Assert.Null((s_table with { DefaultBackend = null }).Resolve("else", "where"));

    [Fact]
    public void The_fast_path_needs_every_rule_of_every_schema_at_one_backend()
    {
        Assert.False(s_table.TryGetSingleBackend("elsewhere", out _));
        var single = s_table with { Rules = [new RoutingRule("shop", null, "old", "new", ReadPercent: 0)] };
        Assert.True(single.TryGetSingleBackend("shop", out var backend));
        Assert.Equal("old", backend);
        Assert.True(single.Resolve("shop", "t")!.Value.IsSingle);
        Assert.False((single with { Rules = [new RoutingRule("shop", null, "old", "new", ReadPercent: 1)] }).TryGetSingleBackend("crm", out _));
        Assert.False((single with { DefaultBackend = null }).TryGetSingleBackend("shop", out _));
    }

    [Fact]
    public void A_changed_copy_answers_by_its_own_rules()
    {
        Assert.Equal("old", s_table.Resolve("shop", "orders")!.Value.Writer);
        var copy = s_table with { Rules = [new RoutingRule("shop", "orders", "third", "third")] };
        Assert.Equal("third", copy.Resolve("shop", "orders")!.Value.Writer);
        Assert.Equal(s_table, TopologyJson.Read<RoutingTable>("routing", TopologyJson.Write(s_table)));
    }
}
