using System.Net.NetworkInformation;
using Switchyard.Client.Protocol;
using Switchyard.Lab;
using Xunit;

namespace Switchyard.Client.Tests;

/// <summary>A server that stands still while its machine goes on taking connections for it.</summary>
public sealed class SilentServerTests
{
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(200);

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-5.6")]
    [Trait("Category", Lab.Category)]
    public async Task Who_asks_a_frozen_server_again_waits_on_the_same_connection_which_is_logged_in_on_once_it_goes_on(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        var options = ConnectionOptions.Parse(server.Dsn);
        await using var admin = await BackendConnection.OpenAsync(options, Lab.Limit());
        var before = await AbandonedAsync();

        await server.FreezeAsync();
        for (var i = 0; i < 8; i++)
        {
            var silent = await Assert.ThrowsAsync<BackendUnavailableException>(() => BackendConnection.OpenAsync(options with { ConnectTimeout = s_short }, Lab.Limit()));
            Assert.Equal(UnavailableReason.TimedOut, silent.Reason);
        }

        using (var given = new CancellationTokenSource(s_short))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => BackendConnection.OpenAsync(options, given.Token));
        }

        Assert.Equal(2, Connections(server.Port));
        var patient = BackendConnection.OpenAsync(options with { ConnectTimeout = TimeSpan.FromMinutes(2) }, Lab.Limit());
        await server.ThawAsync();
        await using var connection = await patient;
        await connection.PingAsync(Lab.Limit());
        Assert.Equal(before, await AbandonedAsync());

        async Task<long> AbandonedAsync() => (await admin.QueryAsync("SHOW GLOBAL STATUS LIKE 'Aborted_connects'", Lab.Limit())).GetInt64(0, 1);
    }

    [Fact]
    [Trait("Category", Lab.Category)]
    public async Task What_waited_for_a_frozen_server_that_was_killed_keeps_nobody_from_the_one_started_in_its_place()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        var options = ConnectionOptions.Parse(server.Dsn);
        await server.FreezeAsync();
        await Assert.ThrowsAsync<BackendUnavailableException>(() => BackendConnection.OpenAsync(options with { ConnectTimeout = s_short }, Lab.Limit()));
        var waiting = BackendConnection.OpenAsync(options with { ConnectTimeout = TimeSpan.FromMinutes(2) }, Lab.Limit());
        await server.KillAsync();
        await Assert.ThrowsAsync<BackendUnavailableException>(() => waiting);

        await server.RestartAsync();
        await server.FreezeAsync();
        await Assert.ThrowsAsync<BackendUnavailableException>(() => BackendConnection.OpenAsync(options with { ConnectTimeout = s_short }, Lab.Limit()));
        await server.KillAsync();
        await server.RestartAsync();
        await using var connection = await BackendConnection.OpenAsync(options, Lab.Limit());
        await connection.PingAsync(Lab.Limit());
    }

    [Fact]
    [Trait("Category", Lab.Category)]
    public async Task Who_leaves_a_server_that_stands_still_is_not_kept_by_it()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), Lab.Limit());
        await server.FreezeAsync();
        await connection.LeaveAsync().WaitAsync(Lab.Limit());
        Assert.False(connection.IsUsable);
    }

    [Fact]
    public void A_silence_of_days_leaves_a_handful_of_connections_behind()
    {
        var (made, connections) = (TimeSpan.Zero, 1);
        for (var now = TimeSpan.Zero; now < TimeSpan.FromDays(3); now += TimeSpan.FromSeconds(15))
        {
            if (UngreetedConnections.IsTooOld(now - made, made))
            {
                made = now;
                connections++;
            }
        }

        Assert.InRange(connections, 2, 16);
    }

    private static int Connections(int port) =>
        IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpConnections().Count(c => c.RemoteEndPoint.Port == port && c.State == TcpState.Established);
}
