using Switchyard.Api;
using Switchyard.Cli;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Migration;

namespace Switchyard.Integration.Tests.Cutover;

/// <summary>
/// A process ended by <c>kill -9</c> leaves a statement running on the source that touches a migrated table only later: no lock on the tables waits for it.
/// </summary>
[Trait("Category", "Integration")]
public sealed class DeadProxyTests
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true, DrainTimeoutSeconds = 60, TimeoutSeconds = 120 };

    // Waited for whole, and long enough for the proxy to answer.
    private static readonly SwitchRequest s_inVain = s_request with { DrainTimeoutSeconds = 4 };

    [Fact]
    public async Task Where_the_server_does_not_show_whose_it_is_a_switch_is_refused_by_its_name_until_it_has_ended_or_is_to_be_ended()
    {
        await using var late = await StartAsync("mariadb-10.11");
        var refused = await Assert.ThrowsAsync<CliException>(() => late.Migration.PostAsync<SwitchReport>("switch", s_inVain));
        Assert.Contains($"connection {late.ConnectionId} of ", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"KILL {late.ConnectionId}", refused.Remedy, StringComparison.Ordinal);
        await using (var app = await late.Migration.OpenAppAsync(default))
        {
            await app.ExecuteAsync("INSERT INTO t VALUES (2, 2)", default);
        }

        Assert.Equal("switched", (await late.Migration.PostAsync<SwitchReport>("switch", s_inVain with { KillBlockers = true })).Result);
        await late.LetGoAsync();
        Assert.Equal(("2", "2"), (await late.IdsAsync(source: true), await late.IdsAsync(source: false)));
        await late.Migration.UntilAsync(MigrationState.Switched);

        // What is known to be gone is not looked for again.
        Assert.Equal("reversed", (await late.Migration.PostAsync<SwitchReport>("reverse", s_request)).Result);
    }

    [Fact]
    public async Task A_switch_that_waits_for_it_carries_what_it_wrote_over()
    {
        await using var late = await StartAsync("mariadb-10.11");
        var switching = late.Migration.PostAsync<SwitchReport>("switch", s_request with { DrainTimeoutSeconds = 120, TimeoutSeconds = 240 });
        while ((await late.Migration.StatusAsync()).Operation != "switch: fence")
        {
            Assert.False(switching.IsCompleted, late.Migration.Log);
            await Task.Delay(10);
        }

        await late.LetGoAsync();
        Assert.Equal("switched", (await switching).Result);
        Assert.Equal(("1", "1"), (await late.IdsAsync(source: true), await late.IdsAsync(source: false)));
    }

    [Fact]
    public async Task Where_the_server_shows_whose_it_is_it_is_ended()
    {
        await using var late = await StartAsync("mysql-9.7");
        Assert.Equal("switched", (await late.Migration.PostAsync<SwitchReport>("switch", s_request)).Result);
        await late.LetGoAsync();
        Assert.Equal(("", ""), (await late.IdsAsync(source: true), await late.IdsAsync(source: false)));
    }

    private static async Task<LateStatement> StartAsync(string server)
    {
        // Servers of these tests alone: what runs there and nobody explains bars the switches of others.
        var migration = await ServedMigration.StartAsync(
            await LabServer.SharedAsync(server, "dead-source"), await LabServer.SharedAsync(server, "dead-target"), "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB");
        var beside = $"{migration.Schema}_beside";
        var holder = await migration.OpenSideAsync(source: true);
        await holder.ExecuteAsync($"CREATE DATABASE {beside}", default);
        await holder.ExecuteAsync($"CREATE TABLE {beside}.held (id INT PRIMARY KEY) ENGINE=InnoDB", default);
        await holder.ExecuteAsync($"INSERT INTO {beside}.held VALUES (1)", default);
        await holder.ExecuteAsync($"GRANT ALL ON {beside}.* TO '{migration.Schema}'@'%'", default);
        await holder.ExecuteAsync(
            $"CREATE PROCEDURE late() BEGIN SET SESSION innodb_lock_wait_timeout=3600; UPDATE {beside}.held SET id=id WHERE id=1; INSERT INTO t VALUES (1, 1); END", default);
        await migration.BeginAsync();
        await holder.ExecuteAsync("BEGIN", default);
        await holder.ExecuteAsync($"DELETE FROM {beside}.held", default);
        var app = await migration.OpenAppAsync(default);
        var lost = app.ExecuteAsync("CALL late()", default);
        var connection = await RunningAsync(migration);
        await migration.Serve.KillAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => lost);
        await app.DisposeAsync();
        await migration.Serve.StartAgainAsync();
        await migration.UntilAsync(MigrationState.Running);

        // Until its lease has expired the dead one counts as a proxy that does not answer.
        while ((await migration.Api.GetAsync<IReadOnlyList<ProxyInfo>>("proxies", default)).Value.Count > 1)
        {
            await Task.Delay(20);
        }

        return new LateStatement(migration, holder, connection);
    }

    /// <summary>The source's id of the connection that runs the application's statement. While a routine runs, servers name its definer in place of the account.</summary>
    private static async Task<ulong> RunningAsync(ServedMigration migration)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await using var source = await migration.OpenSideAsync(source: true);
        while (true)
        {
            if ((await ServerProcess.ListAsync(source, limit.Token)).FirstOrDefault(p => p is { Schema: { } schema, Verb: "UPDATE" } && schema == migration.Schema) is { } running)
            {
                return running.Id;
            }

            await Task.Delay(10, limit.Token);
        }
    }

    /// <summary>The migration, and the statement of a dead process that waits for a row's lock.</summary>
    private sealed class LateStatement(ServedMigration migration, BackendConnection holder, ulong connectionId) : IAsyncDisposable
    {
        public ServedMigration Migration => migration;

        public ulong ConnectionId => connectionId;

        /// <summary>Lets it go on, and returns when it is no more.</summary>
        public async Task LetGoAsync()
        {
            await holder.ExecuteAsync("ROLLBACK", default);
            while ((await ServerProcess.ListAsync(holder, default)).Any(p => p.Id == connectionId))
            {
                await Task.Delay(10);
            }
        }

        public async Task<string> IdsAsync(bool source)
        {
            await using var side = await migration.OpenSideAsync(source);
            return string.Join(",", (await side.QueryAsync("SELECT id FROM t ORDER BY id", default)).Rows.Select(r => r.GetString(0)));
        }

        public async ValueTask DisposeAsync()
        {
            await holder.ExecuteAsync($"DROP DATABASE {migration.Schema}_beside", default);
            await holder.DisposeAsync();
            await migration.DisposeAsync();
        }
    }
}
