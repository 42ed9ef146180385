using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A session that the other side does not let in is known by that before a switch meets it.</summary>
[Trait("Category", "Integration")]
public sealed class SessionRefusalTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task A_session_shows_who_refuses_it_until_it_is_let_in(string source, string target)
    {
        var s = await LabServer.SharedAsync(source, "source");
        var t = await LabServer.SharedAsync(target, "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        var user = harness.Schema;
        await harness.DirectAsync(s, $"CREATE USER {user}@'%' IDENTIFIED BY 'pw'");
        await using var client = await BackendConnection.OpenAsync(harness.Client with { User = user, Password = "pw", Schema = null }, default);
        Assert.Empty(Assert.Single(harness.Proxy.ListSessions()).Refusals);

        await WarmAsync(harness, "w1");
        var first = Assert.Single(Assert.Single(harness.Proxy.ListSessions()).Refusals);
        Assert.Equal("t", first.Backend);
        Assert.NotEmpty(first.Reason);
        await WarmAsync(harness, "w2");
        Assert.Equal(first.Since, Assert.Single(harness.Proxy.FindSession(harness.Proxy.ListSessions()[0].Id)!.Refusals).Since);

        // By whatever plugin the account has there, its password is made for it.
        await harness.DirectAsync(t, $"CREATE USER {user}@'%' IDENTIFIED BY 'made-for-it'");
        await harness.CommitAsync(harness.Repository.Begin().Put(new LegCredential("t", user, "%", user, "made-for-it")));
        await WarmAsync(harness, "w3");
        Assert.Empty(Assert.Single(harness.Proxy.ListSessions()).Refusals);
        await harness.DirectAsync(s, $"DROP USER {user}@'%'");
        await harness.DirectAsync(t, $"DROP USER {user}@'%'");
    }

    /// <summary>Asks for every session's connection to the target, and waits until each has been tried.</summary>
    private static async Task WarmAsync(ProxyHarness harness, string id)
    {
        await harness.CommitAsync(harness.Repository.Begin().Put(new WarmRequest(id, "m", "t")));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await harness.View.WaitAsync(state => state.WarmAcks.ContainsKey((id, "p1")), limit.Token);
        await harness.CommitAsync(harness.Repository.Begin().Delete(TopologyKeys.WarmRequest(id)));
    }
}
