using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A password made for an account on the other side opens legs there; it must never stand in for the client's own.</summary>
[Trait("Category", "Integration")]
public sealed class StoredPasswordTests
{
    [Theory]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task A_stored_password_lets_nobody_in_whose_own_is_wrong(string accountsAt, string homeAt)
    {
        var old = await LabServer.SharedAsync(accountsAt, "source");

        // Its own, since the account's password there is changed.
        await using var @new = await LabServer.StartAsync(homeAt);
        await using var harness = await ProxyHarness.StartAsync(("old", old), ("new", @new));
        const string Generated = "Generated-1-for-the-proxy";
        await using var admin = await BackendConnection.OpenAsync(ProxyHarness.Admin(@new), default);
        await admin.ExecuteAsync($"ALTER USER {ProxyHarness.AppUser}@'%' IDENTIFIED BY {SqlText.QuoteString(Generated)}", default);
        await harness.CommitAsync(harness.Repository.Begin().Put(new LegCredential("new", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, Generated)));
        await harness.RouteAsync("new", "new");

        await using (var right = await harness.ConnectAsync())
        {
            Assert.Equal(@new.Port.ToString(), (await right.QueryAsync("SELECT @@port", default)).GetString(0, 0));
            await Assert.ThrowsAsync<ServerErrorException>(() => right.ChangeUserAsync(harness.Client with { Password = "wrong" }, default));
        }

        foreach (var wrong in new[] { "wrong", null, Generated })
        {
            var error = await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(harness.Client with { Password = wrong }, default));
            Assert.Equal(1045, error.Code);
        }
    }

    [Fact]
    public async Task Where_the_accounts_are_no_stored_password_is_used()
    {
        var server = await LabServer.SharedAsync("mysql-9.7", "source");
        await using var harness = await ProxyHarness.StartAsync(("old", server));
        await harness.CommitAsync(harness.Repository.Begin().Put(new LegCredential("old", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        var error = await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(harness.Client with { Password = "wrong" }, default));
        Assert.Equal(1045, error.Code);
        await using var right = await harness.ConnectAsync();
        Assert.True(right.IsUsable);
    }

    [Fact]
    public async Task While_a_switch_is_under_way_nobody_is_let_in_whom_the_other_side_refuses()
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        var t = await LabServer.SharedAsync("mysql-9.7", "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        var only = harness.Schema;
        await harness.DirectAsync(s, $"CREATE USER {only}@'%' IDENTIFIED BY 'pw'");
        await harness.CommitAsync(harness.Repository.Begin().Put(new LegCredential("t", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        var request = new WarmRequest("w1", "m", "t");
        await harness.CommitAsync(harness.Repository.Begin().Put(request));
        var refused = await Assert.ThrowsAsync<ServerErrorException>(
            () => BackendConnection.OpenAsync(harness.Client with { User = only, Password = "pw", Schema = null }, default));
        Assert.Contains("just being switched to backend 't'", refused.ServerMessage, StringComparison.Ordinal);

        // Who is let in there has its connection there already.
        await using (await harness.ConnectAsync())
        {
            Assert.Equal(new[] { "s", "t" }.AsEnumerable(), Assert.Single(harness.Proxy.ListSessions()).Legs.AsEnumerable());
        }

        await harness.CommitAsync(harness.Repository.Begin().Delete(TopologyKeys.WarmRequest(request.Id)));
        await using var later = await BackendConnection.OpenAsync(harness.Client with { User = only, Password = "pw", Schema = null }, default);
        await later.PingAsync(default);
        await harness.DirectAsync(s, $"DROP USER {only}@'%'");
    }
}
