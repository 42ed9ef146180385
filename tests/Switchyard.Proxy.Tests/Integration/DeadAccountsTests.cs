using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>The backend whose accounts let clients in may die or freeze when nothing of theirs is on it any more: they connect as before.</summary>
[Trait("Category", "Integration")]
public sealed class DeadAccountsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Clients_of_another_backend_are_let_in_while_the_one_with_the_accounts_is_away(bool isFrozen)
    {
        await using var old = await LabServer.StartAsync("mariadb-10.11");
        var now = await LabServer.SharedAsync("mariadb-10.11", "target");
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1" }, ("old", old), ("new", now));
        await harness.DirectAsync(now, "CREATE TABLE t (id INT PRIMARY KEY)");
        await using (var before = await harness.ConnectAsync())
        {
            // Logged in where it all began; the next one is expected there too.
            await before.ExecuteAsync("SELECT 1", default);
        }

        await harness.RouteAsync("new", "new");
        await (isFrozen ? old.FreezeAsync() : old.KillAsync());
        for (var i = 1; i <= 2; i++)
        {
            await using var client = await harness.ConnectAsync();
            await client.ExecuteAsync($"INSERT INTO t VALUES ({i})", default);
        }

        Assert.Equal("2", await harness.ScalarAsync(now, "SELECT COUNT(*) FROM t"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_read_of_an_account_is_good_for_an_hour_where_its_backend_is_away_and_no_longer(bool isFrozen)
    {
        // So that nothing but the directory's own patience ends the wait for a frozen server.
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        var clock = new ShiftedClock();
        var admin = ConnectionOptions.Parse(server.Dsn) with { ConnectTimeout = TimeSpan.FromHours(1) };
        await using var directory = new AccountDirectory(admin, clock);
        async Task<int> FindAsync(bool refresh = false) => (await directory.FindAsync(admin.User, System.Net.IPAddress.Loopback, refresh, default)).Candidates.Count;
        Assert.Equal(1, await FindAsync());
        await (isFrozen ? server.FreezeAsync() : server.KillAsync());
        clock.Shift = TimeSpan.FromMinutes(2);
        Assert.Equal(1, await FindAsync());
        clock.Shift = TimeSpan.FromMinutes(3);
        Assert.Equal(1, await FindAsync());
        if (isFrozen)
        {
            return;
        }

        await Assert.ThrowsAsync<BackendUnavailableException>(() => FindAsync(refresh: true));
        clock.Shift = TimeSpan.FromMinutes(61);
        await Assert.ThrowsAsync<BackendUnavailableException>(() => FindAsync());
    }

    private sealed class ShiftedClock : TimeProvider
    {
        public TimeSpan Shift { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => System.GetElapsedTime(0).Ticks + Shift.Ticks;
    }
}
