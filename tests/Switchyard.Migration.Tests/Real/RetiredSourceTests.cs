using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>The source is gone; its accounts' passwords are not.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RetiredSourceTests
{
    [Theory]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task With_generated_passwords_the_source_can_be_detached_and_clients_go_on_with_their_own(string source, string target)
    {
        // A source of its own: schemas of other tests would keep it the default backend.
        await using var retired = await LabServer.StartAsync(source);
        await using var world = await RealWorld.StartAsync(retired, await LabServer.SharedAsync(target, "target"), limited: false, Workload.TablesFor("mysql-5.6"));
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var copied = await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        Assert.Equal("generated", copied.Accounts.Single(a => a.Account.Contains(world.AppUser, StringComparison.Ordinal)).Credential);
        await using var before = await world.OpenAppAsync();
        await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default);
        await before.ExecuteAsync("INSERT INTO words (word) VALUES ('before')", default);

        var report = await world.Service.CompleteAsync(world.Schema, new CompleteRequest(), default);
        Assert.True(report.Findings.All(f => f.Code != "default_stays"), string.Join(" ", report.Findings.Select(f => f.What)));
        await world.Service.DetachAsync(world.Schema, default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await world.View.WaitAsync(s => s.Routing.DefaultBackend == "b" && !s.Backends.ContainsKey("a"), limit.Token);

        await before.ExecuteAsync("INSERT INTO words (word) VALUES ('still')", default);
        await using (var app = await world.OpenAppAsync())
        {
            Assert.Equal(2, (await app.QueryAsync("SELECT COUNT(*) FROM words", default)).GetInt64(0, 0));
        }

        await AssertRefusedAsync(world, "wrong");
        await AssertRefusedAsync(world, "");

        // Somebody gives the account a password on the target: from then on that one counts, and ours is not used any more.
        await using (var admin = await BackendConnection.OpenAsync(world.TargetOptions, default))
        {
            await admin.ExecuteAsync($"ALTER USER '{world.AppUser}'@'%' IDENTIFIED BY 'An0ther-Passw0rd!'", default);
        }

        await AssertRefusedAsync(world, RealWorld.AppPassword);
        await using var own = await world.OpenAppAsync("An0ther-Passw0rd!");
        Assert.Equal(2, (await own.QueryAsync("SELECT COUNT(*) FROM words", default)).GetInt64(0, 0));
    }

    [Theory]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    public async Task A_migration_whose_source_is_gone_for_good_before_the_switch_can_be_cancelled_and_keeps_what_was_copied(string source, string target)
    {
        await using var gone = await LabServer.StartAsync(source);
        await using var world = await RealWorld.StartAsync(gone, await LabServer.SharedAsync(target, "target"), limited: false, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", "INSERT INTO t VALUES (1), (2)");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var request = new CancelRequest { AbandonSource = true };
        Assert.Equal("source_answers", (await Assert.ThrowsAsync<MigrationException>(() => world.Service.CancelAsync(world.Schema, request, default))).Code);

        await gone.KillAsync();
        var half = await Assert.ThrowsAsync<MigrationException>(() => world.Service.CancelAsync(world.Schema, new CancelRequest(), default));
        Assert.Contains($"migration cancel {world.Schema} --abandon-source", half.Remedy, StringComparison.Ordinal);
        using (FaultPoints.Arm("cancel.streams.before", _ => throw new FaultInjectedException("cancel.streams.before")))
        {
            await Assert.ThrowsAsync<FaultInjectedException>(() => world.Service.CancelAsync(world.Schema, request, default));
        }

        Assert.Equal(3, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.CancelAsync(world.Schema, new CancelRequest(), default))).ExitCode);
        var status = await world.Service.CancelAsync(world.Schema, request, default);
        Assert.Equal(MigrationState.Cancelled, status.State);
        Assert.Null(status.Error);
        Assert.Contains($"1 table of {world.Schema}", Assert.Single(status.Findings, f => f.Code == "kept_on_target").What, StringComparison.Ordinal);
        Assert.Contains(status.Findings, f => f.Code == "left_on_source");
        await using var other = await world.OpenTargetAsync();
        Assert.Equal(2, (await other.QueryAsync("SELECT COUNT(*) FROM t", default)).GetInt64(0, 0));
        Assert.Equal(0, await world.CountStreamsAsync(other));
        Assert.Empty((await world.Topology.GetRoutingAsync()).Value.Rules);
        await world.Service.DeleteAsync(world.Schema, default);
    }

    [Theory]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task A_source_that_is_gone_for_good_is_given_up_and_clients_go_on_with_their_own_passwords(string source, string target)
    {
        await using var gone = await LabServer.StartAsync(source);
        await using var world = await RealWorld.StartAsync(gone, await LabServer.StartAsync(target), limited: false, Workload.TablesFor("mysql-5.6"));
        await using var other = world.Target;
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var copied = await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        Assert.Equal("generated", copied.Accounts.Single(a => a.Account.Contains(world.AppUser, StringComparison.Ordinal)).Credential);
        await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default);
        await world.UntilFollowingAsync();
        var request = new CompleteRequest { AbandonSource = true };
        var answers = await Assert.ThrowsAsync<MigrationException>(() => world.Service.CompleteAsync(world.Schema, request, default));
        Assert.Equal((3, "source_answers"), (answers.ExitCode, answers.Code));
        await Assert.ThrowsAsync<MigrationException>(() => world.Service.CompleteAsync(world.Schema, request with { SourceData = SourceData.Drop }, default));

        await gone.KillAsync();
        Assert.Equal(3, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.CompleteAsync(world.Schema, new CompleteRequest(), default))).ExitCode);
        Assert.Equal("planned", (await world.Service.CompleteAsync(world.Schema, request with { DryRun = true }, default)).Result);
        Assert.Equal(MigrationState.Switched, (await world.Service.StatusAsync(world.Schema, default)).State);
        using (FaultPoints.Arm("complete.commit.before", _ => throw new FaultInjectedException("complete.commit.before")))
        {
            await Assert.ThrowsAsync<FaultInjectedException>(() => world.Service.CompleteAsync(world.Schema, request, default));
        }

        Assert.Equal(3, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.CompleteAsync(world.Schema, new CompleteRequest(), default))).ExitCode);
        var report = await world.Service.CompleteAsync(world.Schema, request, default);
        Assert.Equal("completed", report.Result);
        Assert.Contains(report.Actions, a => a.Contains("Make b the default backend", StringComparison.Ordinal));
        Assert.Contains(report.Findings, f => f.Code == "left_on_source" && f.What.Contains("_switchyard", StringComparison.Ordinal));
        Assert.DoesNotContain(report.Findings, f => f.Code == "accounts_forgotten");
        var details = await world.Service.ShowAsync(world.Schema, default);
        Assert.Equal(MigrationState.Completed, details.Status.State);
        Assert.Contains(details.Journal, j => j.Step == "abandon-source" && j.Detail.Contains("Give a up", StringComparison.Ordinal));

        await world.Service.DetachAsync(world.Schema, default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await world.View.WaitAsync(s => s.Routing.DefaultBackend == "b" && !s.Backends.ContainsKey("a"), limit.Token);
        await using (var app = await world.OpenAppAsync())
        {
            await app.ExecuteAsync("INSERT INTO words (word) VALUES ('after')", default);
        }

        await AssertRefusedAsync(world, "wrong");
        await using var admin = await world.OpenTargetAsync();
        Assert.Equal(0, (await admin.QueryAsync("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name='_switchyard'", default)).GetInt64(0, 0));
    }

    [Fact]
    public async Task A_source_that_dies_behind_the_flip_leaves_a_migration_that_can_be_completed_without_it()
    {
        await using var gone = await LabServer.StartAsync("mariadb-10.11");
        await using var target = await LabServer.StartAsync("mariadb-10.11");
        await using var world = await RealWorld.StartAsync(
            gone, target, limited: false,
            [.. Workload.TablesFor("mariadb-10.11"), "CREATE TRIGGER counted BEFORE INSERT ON words FOR EACH ROW SET NEW.meaning='counted'", "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM words WHERE word=''"]);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        using (FaultPoints.Arm("switch.release.before", async _ => await gone.KillAsync()))
        {
            var switched = await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default);
            Assert.Contains("migration repair", switched.Error, StringComparison.Ordinal);
        }

        var report = await world.Service.CompleteAsync(world.Schema, new CompleteRequest { AbandonSource = true }, default);
        Assert.Contains(report.Findings, f => f.Code == "left_on_source" && f.What.Contains("its triggers and events", StringComparison.Ordinal));
        Assert.Equal(MigrationState.Completed, (await world.Service.StatusAsync(world.Schema, default)).State);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await world.View.WaitAsync(s => s.Routing.DefaultBackend == "b" && s.Gates.IsEmpty, limit.Token);
        await using var app = await world.OpenAppAsync();
        await app.ExecuteAsync("INSERT INTO words (word) VALUES ('after')", default);
        Assert.Equal("counted", (await app.QueryAsync("SELECT meaning FROM words WHERE word='after'", default)).GetString(0, 0));
        await using var there = await world.OpenTargetAsync();
        Assert.Equal("ENABLED", (await there.QueryAsync($"SELECT status FROM information_schema.events WHERE event_schema='{world.Schema}'", default)).GetString(0, 0));
    }

    private static async Task AssertRefusedAsync(RealWorld world, string password) =>
        Assert.Equal(1045, (await Assert.ThrowsAsync<ServerErrorException>(() => world.OpenAppAsync(password))).Code);
}
