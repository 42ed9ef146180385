using Switchyard.Proxy.Gates;
using Switchyard.Proxy.Routing;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Gates;

/// <summary>Holding, draining and letting go, without servers.</summary>
public sealed class GateHoldTests
{
    private static readonly Gate s_gate = new(
        "g", "m", 2, GateState.Held, DateTimeOffset.MaxValue, [new TableScope("shop", null), new TableScope("crm", "people")], 2, 100);

    [Fact]
    public async Task Held_statements_go_when_the_gate_ends()
    {
        var hold = new GateHold(s_gate, TimeProvider.System);
        var first = hold.WaitAsync(10, TimeSpan.Zero, default);
        var second = hold.WaitAsync(10, TimeSpan.Zero, default);
        Assert.False(first.IsCompleted);
        Assert.Equal(2, hold.Held);
        hold.End();
        await Task.WhenAll(first, second);
        var empty = hold.WhenEmpty();
        Assert.False(empty.IsCompleted);
        hold.Resumed(10, TimeProvider.System.GetTimestamp());
        hold.Resumed(10, TimeProvider.System.GetTimestamp());
        await empty;
        Assert.Equal(2, hold.HeldInAll);
    }

    [Fact]
    public async Task Too_many_statements_or_bytes_are_over_the_limit()
    {
        var many = new GateHold(s_gate, TimeProvider.System);
        _ = many.WaitAsync(1, TimeSpan.Zero, default);
        _ = many.WaitAsync(1, TimeSpan.Zero, default);
        Assert.False(many.OverLimit.IsCompleted);
        _ = many.WaitAsync(1, TimeSpan.Zero, default);
        await many.OverLimit;
        var large = new GateHold(s_gate, TimeProvider.System);
        _ = large.WaitAsync(101, TimeSpan.Zero, default);
        await large.OverLimit;
    }

    [Fact]
    public async Task A_statement_whose_client_has_left_is_not_held_any_more()
    {
        var hold = new GateHold(s_gate, TimeProvider.System);
        using var left = new CancellationTokenSource();
        var held = hold.WaitAsync(10, TimeSpan.Zero, left.Token);
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => held);
        Assert.Equal(0, hold.Held);
    }

    [Fact]
    public void Nothing_enters_late_once_drained_and_nothing_drains_while_the_look_says_no()
    {
        var hold = new GateHold(s_gate, TimeProvider.System);
        Assert.False(hold.TryDrain(() => false));
        Assert.True(hold.TryEnterLate());
        Assert.True(hold.TryDrain(() => true));
        Assert.False(hold.TryEnterLate());
        Assert.True(hold.TryDrain(() => false));
    }

    [Theory]
    [InlineData("SELECT * FROM t", "shop", true)]
    [InlineData("UPDATE t SET a = 1", "shop", true)]
    [InlineData("SELECT * FROM shop.t", "other", true)]
    [InlineData("SELECT * FROM t", "other", false)]
    [InlineData("SELECT * FROM people", "crm", true)]
    [InlineData("SELECT * FROM orders", "crm", false)]
    [InlineData("SELECT * FROM orders JOIN people USING (id)", "crm", true)]
    [InlineData("SELECT 1", "shop", false)]
    [InlineData("SET NAMES utf8mb4", "shop", false)]
    [InlineData("BEGIN", "shop", false)]
    [InlineData("COMMIT", "shop", false)]
    [InlineData("CALL p()", "other", true)]
    [InlineData("SELECT GET_LOCK('a', 1)", "shop", true)]
    [InlineData("SELECT GET_LOCK('a', 1)", "other", false)]
    [InlineData("LOCK TABLES t WRITE", "shop", true)]
    [InlineData("this is no SQL", "other", true)]
    [InlineData("USE shop; SELECT * FROM t", "other", true)]
    [InlineData("SELECT * FROM t; USE shop", "other", false)]
    public void What_touches_gated_tables_is_held(string sql, string schema, bool isHeld)
    {
        var info = SqlScanner.Scan(System.Text.Encoding.UTF8.GetBytes(sql), new ScanOptions { MultiStatements = true });
        var concerned = GateScope.Concerns(s_gate, schema, [], ignoreCase: false);
        Assert.Equal(isHeld, GateScope.Touches(s_gate, info, StatementTables.Of(info, schema, null), schema, schema == "shop" && concerned, ignoreCase: false));
    }

    [Fact]
    public void A_session_is_concerned_by_where_it_is_and_where_it_has_been()
    {
        Assert.True(GateScope.Concerns(s_gate, "shop", [], false));
        Assert.True(GateScope.Concerns(s_gate, "other", ["crm"], false));
        Assert.False(GateScope.Concerns(s_gate, "other", ["elsewhere"], false));
        Assert.False(GateScope.Concerns(s_gate, "SHOP", [], false));
        Assert.True(GateScope.Concerns(s_gate, "SHOP", [], true));
    }
}
