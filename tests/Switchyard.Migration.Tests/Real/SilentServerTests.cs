using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Verbs come to an end beside a server that does not answer: frozen with its connections open, or waiting for room on its disk.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
[Trait("Waits", "limits")]
public sealed class SilentServerTests
{
    // They bind servers that do answer too, and a busy machine's take seconds for what is done in none.
    private static readonly MigrationServiceOptions s_limits = new() { StepLimit = TimeSpan.FromSeconds(8), StopLimit = TimeSpan.FromSeconds(4), UndoLimit = TimeSpan.FromSeconds(4), ConnectLimit = TimeSpan.FromSeconds(6) };

    [Theory]
    [InlineData("mariadb-10.11", "cancel.streams.before")]
    [InlineData("mysql-9.7", "cancel.tables.before")]
    public async Task A_cancel_beside_a_frozen_target_ends_with_its_name_and_is_finished_by_the_next(string server, string point)
    {
        await using var target = await LabServer.StartAsync(server);
        await using var world = await RunningAsync(await LabServer.SharedAsync(server, "source"), target);
        await using var thawed = new Thawed(target);
        using (FaultPoints.Arm(point, async _ => await target.FreezeAsync()))
        {
            await AssertHalfDoneAsync(world, () => world.Service.CancelAsync(world.Schema, new CancelRequest(), default), "'b' answers nobody", $"migration cancel {world.Schema}");
        }

        // A second one ends as well, and so does a restart of the process.
        await AssertHalfDoneAsync(world, () => world.Service.CancelAsync(world.Schema, new CancelRequest(), default), "'b'", $"migration cancel {world.Schema}");
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (FaultPoints.Arm("cancel.streams.before", token => new ValueTask(goOn.Task.WaitAsync(token))))
        {
            // The application is served before what is half done comes to its end.
            await world.RestartAsync().WaitAsync(TimeSpan.FromMinutes(2));
            await WriteAsync(world);
            var busy = await Assert.ThrowsAsync<MigrationException>(() => world.Service.CancelAsync(world.Schema, new CancelRequest(), default));
            Assert.Equal("busy", busy.Code);
            goOn.SetResult();
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while ((await world.Service.DiagnoseAsync(world.Schema, limit.Token)).Summary.Contains("is under way", StringComparison.Ordinal))
        {
            await Task.Delay(20, limit.Token);
        }

        var status = await world.Service.StatusAsync(world.Schema, default);
        Assert.Equal(MigrationState.Error, status.State);
        Assert.Contains("is half done", status.Error, StringComparison.Ordinal);
        await WriteAsync(world);
        var diagnosis = await world.Service.DiagnoseAsync(world.Schema, default);
        Assert.Contains(diagnosis.Next, n => n.Contains("to its end", StringComparison.Ordinal));
        var repair = await Assert.ThrowsAsync<MigrationException>(() => world.Service.RepairAsync(world.Schema, default));
        Assert.True(repair.Code == "repair_failed" && repair.Message.Contains("'b'", StringComparison.Ordinal), repair.Message);

        await target.ThawAsync();
        Assert.Equal(MigrationState.Cancelled, (await world.Service.CancelAsync(world.Schema, new CancelRequest(), default)).State);
        await AssertNothingLeftAsync(world);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_cancel_of_a_copy_whose_server_froze_ends_in_time_and_is_finished_by_the_next(bool isSource)
    {
        const string server = "mariadb-10.11";
        await using var source = await LabServer.StartAsync(server);
        await using var target = await LabServer.StartAsync(server);
        await using var world = await RealWorld.StartAsync(source, target, limited: false, Workload.TablesFor(server));
        await using var thawed = new Thawed(source, target);
        world.Limits = s_limits;
        await world.RestartAsync();
        await Workload.FillAsync(world, 500);
        var (frozen, name) = isSource ? (source, "'a'") : (target, "'b'");
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (FaultPoints.Arm(isSource ? "copy.snapshot.before" : "copy.insert.before", async _ =>
        {
            if (!reached.Task.IsCompleted)
            {
                await frozen.FreezeAsync();
                reached.TrySetResult();
            }
        }))
        {
            await world.CreateAsync();
            await reached.Task.WaitAsync(TimeSpan.FromMinutes(2));
            var half = await Assert.ThrowsAsync<MigrationException>(() => world.Service.CancelAsync(world.Schema, new CancelRequest(), default).WaitAsync(TimeSpan.FromMinutes(2)));
            Assert.True(half.Code == "half_done" && half.Message.Contains(name, StringComparison.Ordinal), $"{half.Message}\n{world}");
        }

        await frozen.ThawAsync();
        Assert.Equal(MigrationState.Cancelled, (await world.Service.CancelAsync(world.Schema, new CancelRequest(), default)).State);
        await AssertNothingLeftAsync(world);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_copy_of_a_schema_beside_a_server_that_freezes_after_the_login_stands_still_with_its_name_and_goes_on_afterwards(bool isSource)
    {
        const string server = "mariadb-10.11";
        await using var source = isSource ? await LabServer.StartAsync(server) : await LabServer.SharedAsync(server, "source");
        await using var target = isSource ? await LabServer.SharedAsync(server, "target") : await LabServer.StartAsync(server);
        var (frozen, name) = isSource ? (source, "'a'") : (target, "'b'");
        await using var world = await RealWorld.StartAsync(source, target, limited: false, Workload.TablesFor(server));
        await using var thawed = new Thawed(frozen);
        world.Limits = s_limits;
        await world.RestartAsync();
        using (FaultPoints.Arm("copy.schema.connected", async _ => await frozen.FreezeAsync()))
        {
            await world.CreateAsync();
            var status = await world.UntilAsync(MigrationState.Error);
            Assert.Contains($"did not do its part in creating the tables", status.Error, StringComparison.Ordinal);
            Assert.Contains($"{name} answers nobody", status.Error, StringComparison.Ordinal);
            Assert.Contains($"migration start {world.Schema}", status.Remedy, StringComparison.Ordinal);
        }

        await frozen.ThawAsync();
        await world.Service.StartAsync(world.Schema, new StartRequest(), default);
        await world.UntilAsync(MigrationState.Running);
        Assert.Equal("clean", (await world.DiffAsync()).State);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_cancel_beside_a_target_without_room_for_its_log_says_so_and_is_finished_once_there_is(string server)
    {
        await using var target = await LabServer.StartOnSmallDiskAsync(server);
        await using var world = await RunningAsync(await LabServer.SharedAsync(server, "source"), target);
        try
        {
            await target.FillDiskAsync("/binlog.");
            await AssertHalfDoneAsync(world, () => world.Service.CancelAsync(world.Schema, new CancelRequest(), default), "the disk of 'b' is full", "Free space on 'b'");
        }
        finally
        {
            await target.FreeDiskAsync();
        }

        // The server looks for room once a minute, and until then holds what it is at.
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (true)
        {
            try
            {
                Assert.Equal(MigrationState.Cancelled, (await world.Service.CancelAsync(world.Schema, new CancelRequest(), limit.Token)).State);
                break;
            }
            catch (MigrationException e) when (e.Code == "half_done")
            {
            }
        }

        await AssertNothingLeftAsync(world);
    }

    // MariaDB looks whether the client is still there while a statement waits.
    [Theory]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_cancel_ends_a_change_of_a_table_that_the_target_lets_wait(string server)
    {
        await using var target = await LabServer.StartAsync(server);
        await using var world = await RunningAsync(await LabServer.SharedAsync(server, "source"), target);
        await using var holder = await world.OpenTargetAsync();
        await holder.ExecuteAsync("START TRANSACTION", default);
        await holder.QueryAsync("SELECT COUNT(*) FROM words", default);
        await using (var source = await world.OpenSourceAsync())
        {
            await source.ExecuteAsync("ALTER TABLE words COMMENT 'changed'", default);
        }

        await using var admin = await BackendConnection.OpenAsync(world.TargetOptions, default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!await IsAtAsync(admin, "ALTER"))
        {
            await Task.Delay(20, limit.Token);
        }

        // The same transaction is in the way of the drop.
        await AssertHalfDoneAsync(world, () => world.Service.CancelAsync(world.Schema, new CancelRequest(), default), "'b' did not drop", $"migration cancel {world.Schema}");
        Assert.False(await IsAtAsync(admin, "ALTER"), $"The change waits on.\n{world}");
        await holder.ExecuteAsync("ROLLBACK", default);
        Assert.Equal(MigrationState.Cancelled, (await world.Service.CancelAsync(world.Schema, new CancelRequest(), default)).State);
        await AssertNothingLeftAsync(world);
    }

    [Theory]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_cancel_ends_the_building_of_an_index_that_the_target_lets_wait(string server)
    {
        await using var target = await LabServer.StartAsync(server);
        await using var world = await RealWorld.StartAsync(await LabServer.SharedAsync(server, "source"), target, limited: false, Workload.TablesFor(server));
        world.Limits = s_limits;
        await world.RestartAsync();
        // Those of small tables are there from the beginning.
        await Workload.FillAsync(world, 20_000);
        await using (var app = await world.OpenSourceAsync())
        {
            await app.QueryAsync("ANALYZE TABLE orders", default);
        }

        await using var holder = await BackendConnection.OpenAsync(world.TargetOptions, default);
        await using var admin = await BackendConnection.OpenAsync(world.TargetOptions, default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        using (FaultPoints.Arm("copy.index.before", async token =>
        {
            await holder.ExecuteAsync("START TRANSACTION", token);
            await holder.QueryAsync($"SELECT COUNT(*) FROM {world.Schema}.orders", token);
        }))
        {
            await world.CreateAsync();
            while (!await IsAtAsync(admin, "ALTER"))
            {
                await Task.Delay(20, limit.Token);
            }
        }

        await AssertHalfDoneAsync(world, () => world.Service.CancelAsync(world.Schema, new CancelRequest(), default), "'b' did not drop", $"migration cancel {world.Schema}");
        Assert.False(await IsAtAsync(admin, "ALTER"), $"The index waits on.\n{world}");
        await holder.ExecuteAsync("ROLLBACK", default);
        Assert.Equal(MigrationState.Cancelled, (await world.Service.CancelAsync(world.Schema, new CancelRequest(), default)).State);
        await AssertNothingLeftAsync(world);
    }

    [Fact]
    public async Task A_cancel_ends_the_copy_of_a_schema_that_the_target_lets_wait()
    {
        const string server = "mysql-9.7";
        await using var target = await LabServer.StartAsync(server);
        await using var world = await RealWorld.StartAsync(await LabServer.SharedAsync(server, "source"), target, limited: false, Workload.TablesFor(server));
        world.Limits = s_limits;
        await world.RestartAsync();
        await using var holder = await BackendConnection.OpenAsync(world.TargetOptions, default);
        // Behind Switchyard's own tables, which are made first.
        var locked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var locks = FaultPoints.Arm("copy.schema.connected", async token =>
        {
            await holder.ExecuteAsync("LOCK INSTANCE FOR BACKUP", token);
            locked.TrySetResult();
        });
        await world.CreateAsync();
        await locked.Task.WaitAsync(TimeSpan.FromMinutes(2));
        await using var admin = await BackendConnection.OpenAsync(world.TargetOptions, default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!await IsAtAsync(admin, "CREATE"))
        {
            await Task.Delay(20, limit.Token);
        }

        // What keeps tables from being made keeps them from being dropped.
        await AssertHalfDoneAsync(world, () => world.Service.CancelAsync(world.Schema, new CancelRequest(), default), "'b' did not remove Switchyard's own tables", $"migration cancel {world.Schema}");
        Assert.False(await IsAtAsync(admin, "CREATE"), $"The copy waits on.\n{world}");
        await holder.ExecuteAsync("UNLOCK INSTANCE", default);
        Assert.Equal(MigrationState.Cancelled, (await world.Service.CancelAsync(world.Schema, new CancelRequest(), default)).State);
        await AssertNothingLeftAsync(world);
    }

    [Theory]
    [InlineData("mariadb-10.11", "complete.streams.before")]
    [InlineData("mysql-9.7", "complete.tables.before")]
    public async Task A_complete_beside_a_frozen_source_changes_nothing_or_is_finished_by_the_next_and_detach_asks_no_server(string server, string point)
    {
        await using var source = await LabServer.StartAsync(server);
        await using var target = await LabServer.StartAsync(server);
        await using var world = await RunningAsync(source, target);
        await using var thawed = new Thawed(source, target);
        await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default);
        await world.UntilFollowingAsync();
        await using var app = await world.OpenAppAsync();
        var request = new CompleteRequest { SourceData = SourceData.Drop };

        await source.FreezeAsync();
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.CompleteAsync(world.Schema, request, default));
        Assert.True(refused.ExitCode == 3 && refused.Message.Contains("Nothing was changed. 'a' did not", StringComparison.Ordinal), refused.Message);
        Assert.Equal(MigrationState.Switched, (await world.Service.StatusAsync(world.Schema, default)).State);
        await source.ThawAsync();

        using (FaultPoints.Arm(point, async _ => await source.FreezeAsync()))
        {
            await AssertHalfDoneAsync(world, () => world.Service.CompleteAsync(world.Schema, request, default), "'a' answers nobody", $"migration complete {world.Schema} --drop-data", app);
        }

        var other = await Assert.ThrowsAsync<MigrationException>(() => world.Service.CompleteAsync(world.Schema, new CompleteRequest(), default));
        Assert.True(other.ExitCode == 3 && other.Message.Contains("begun with --drop-data", StringComparison.Ordinal), other.Message);
        await source.ThawAsync();
        var done = await world.Service.CompleteAsync(world.Schema, request, default);
        Assert.Equal("completed", done.Result);
        await using (var admin = await world.OpenSourceAsync(schema: false))
        {
            Assert.Equal(0, (await admin.QueryAsync($"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema IN ('{world.Schema}', '_switchyard')", default)).GetInt64(0, 0));
        }

        await source.FreezeAsync();
        await target.FreezeAsync();
        Assert.Equal(MigrationState.Completed, (await world.Service.DetachAsync(world.Schema, default).WaitAsync(TimeSpan.FromMinutes(2))).State);
        await source.ThawAsync();
        await target.ThawAsync();
        await WriteAsync(world);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_comparison_that_holds_a_rows_lock_on_a_server_that_freezes_can_be_stopped_and_goes_on_afterwards(string server)
    {
        await using var source = await LabServer.StartAsync(server);
        await using var world = await RunningAsync(source, await LabServer.SharedAsync(server, "target"));
        await using var thawed = new Thawed(source);
        await WriteAsync(world);
        await world.UntilFollowingAsync();
        Assert.Equal("clean", (await world.DiffAsync()).State);
        await using (var target = await world.OpenTargetAsync())
        {
            await target.ExecuteAsync("UPDATE words SET meaning='another' WHERE word='meanwhile'", default);
        }

        var locked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (FaultPoints.Arm("diff.settle.locked", async _ =>
        {
            await source.FreezeAsync();
            locked.TrySetResult();
        }))
        {
            await world.Service.StartDiffAsync(world.Schema, new DiffRequest { Tables = ["words"] }, default);
            await locked.Task.WaitAsync(TimeSpan.FromMinutes(2));
            Assert.Equal("stopped", (await world.Service.StopDiffAsync(world.Schema, default).WaitAsync(TimeSpan.FromMinutes(2))).State);
        }

        await source.ThawAsync();
        await world.UntilFollowingAsync();
        await world.Service.ResumeDiffAsync(world.Schema, default);
        var report = await world.Service.WaitDiffAsync(world.Schema, default);
        Assert.Equal(("differences", 1L), (report.State, report.Differences));
    }

    [Theory]
    [InlineData("mariadb-10.11", true)]
    [InlineData("mysql-9.7", false)]
    public async Task Checks_and_the_copy_of_accounts_beside_a_server_that_freezes_after_the_login_end_with_its_name(string server, bool isSource)
    {
        await using var source = await LabServer.StartAsync(server);
        await using var target = await LabServer.StartAsync(server);
        await using var world = await RealWorld.StartAsync(source, target, limited: false, Workload.TablesFor(server));
        await using var thawed = new Thawed(source, target);
        world.Limits = s_limits;
        await world.RestartAsync();
        var (frozen, side, name) = isSource ? (source, "source", "'a'") : (target, "target", "'b'");
        using (FaultPoints.Arm("preflight.connected", async _ => await frozen.FreezeAsync()))
        {
            var refused = await Assert.ThrowsAsync<MigrationException>(() => world.CreateAsync().WaitAsync(TimeSpan.FromMinutes(2)));
            Assert.True(refused.ExitCode == 3 && refused.Message.Contains($"The {side} let the account in, and then did not say", StringComparison.Ordinal), refused.Message);
            Assert.Contains(refused.Findings, f => f.Code == "server_silent");
            Assert.Contains($"the server of the {side}", refused.Remedy, StringComparison.Ordinal);
            Assert.Empty(await world.Service.ListAsync(default));
        }

        await frozen.ThawAsync();
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        using (FaultPoints.Arm("accounts.connected", async _ => await frozen.FreezeAsync()))
        {
            var failed = await Assert.ThrowsAsync<MigrationException>(() => world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default).WaitAsync(TimeSpan.FromMinutes(2)));
            Assert.True(failed.Message.StartsWith($"{name} did not list its accounts within 8 s. {name} answers nobody", StringComparison.Ordinal), failed.Message);
            Assert.Contains($"migration accounts copy {world.Schema}", failed.Remedy, StringComparison.Ordinal);
        }

        await frozen.ThawAsync();
        var copied = await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        Assert.Contains(copied.Accounts, a => a.Result == "created");
    }

    [Theory]
    [InlineData("switch.precheck.before", true)]
    [InlineData("switch.precheck.before", false)]
    [InlineData("switch.warm.before", true)]
    [InlineData("switch.warm.before", false)]
    public async Task A_switch_beside_a_server_that_freezes_before_anything_is_held_ends_with_its_name(string point, bool isSource)
    {
        const string server = "mariadb-10.11";
        await using var source = await LabServer.StartAsync(server);
        await using var target = await LabServer.StartAsync(server);
        await using var world = await RunningAsync(source, target);
        await using var thawed = new Thawed(source, target);
        var (frozen, name) = isSource ? (source, "'a'") : (target, "'b'");
        var request = new SwitchRequest { SkipDiff = true };
        using (FaultPoints.Arm(point, async _ => await frozen.FreezeAsync()))
        {
            var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, request, default).WaitAsync(TimeSpan.FromMinutes(2)));
            Assert.Equal(point == "switch.warm.before" ? 5 : 3, error.ExitCode);
            Assert.True(error.Message.Contains($"{name} did not", StringComparison.Ordinal) && error.Message.Contains("within 8 s", StringComparison.Ordinal), error.Message);
        }

        await frozen.ThawAsync();
        if ((await world.Service.StatusAsync(world.Schema, default)).State == MigrationState.Error)
        {
            // On a source that froze, the record of the way back could not be looked for.
            await world.Service.RepairAsync(world.Schema, default);
        }

        await world.UntilFollowingAsync();
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, request, default)).Result);
    }

    [Theory]
    [InlineData("switch.catch-up.before")]
    [InlineData("switch.release.before")]
    public async Task A_switch_whose_old_side_freezes_ends_on_one_side_and_repair_does_there_what_was_left(string point)
    {
        const string server = "mariadb-10.11";
        await using var source = await LabServer.StartAsync(server);
        await using var target = await LabServer.StartAsync(server);
        await using var world = await RunningAsync(
            source, target, "CREATE TRIGGER counted BEFORE INSERT ON words FOR EACH ROW SET NEW.meaning='counted'", "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM words WHERE word=''");
        await using var thawed = new Thawed(source);
        var request = new SwitchRequest { SkipDiff = true, Fence = FenceMode.ReadOnly, TimeoutSeconds = 10, DrainTimeoutSeconds = 5 };
        var isBefore = point == "switch.catch-up.before";
        using (FaultPoints.Arm(point, async _ => await source.FreezeAsync()))
        {
            var switching = world.Service.SwitchAsync(world.Schema, request, default).WaitAsync(TimeSpan.FromMinutes(3));
            if (isBefore)
            {
                var error = await Assert.ThrowsAsync<MigrationException>(() => switching);
                Assert.True(error.ExitCode == 5 && error.Message.Contains("Not everything could be undone", StringComparison.Ordinal), error.Message);
                Assert.Contains($"migration repair {world.Schema}", error.Remedy, StringComparison.Ordinal);
            }
            else
            {
                var report = await switching;
                Assert.Equal("switched", report.Result);
                Assert.Contains($"Run `switchyard migration repair {world.Schema}`", report.Error, StringComparison.Ordinal);
            }
        }

        Assert.Equal(isBefore ? "a" : "b", (await world.Service.StatusAsync(world.Schema, default)).Writes);
        await source.ThawAsync();
        await world.Service.RepairAsync(world.Schema, default);
        await world.UntilFollowingAsync();
        await using var old = await world.OpenSourceAsync();
        Assert.Equal(0, (await old.QueryAsync("SELECT @@global.read_only", default)).GetInt64(0, 0));
        Assert.Equal(isBefore ? 1 : 0, (await old.QueryAsync($"SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema='{world.Schema}'", default)).GetInt64(0, 0));
        Assert.Equal(isBefore ? "ENABLED" : "DISABLED", (await old.QueryAsync($"SELECT status FROM information_schema.events WHERE event_schema='{world.Schema}'", default)).GetString(0, 0));
        await WriteAsync(world);
    }

    private static async Task<bool> IsAtAsync(BackendConnection server, string verb) => (await ServerProcess.ListAsync(server, default)).Any(p => p.Verb == verb);

    private static async Task<RealWorld> RunningAsync(LabServer source, LabServer target, params string[] more)
    {
        var world = await RealWorld.StartAsync(source, target, limited: false, [.. Workload.TablesFor(source.Name), .. more]);
        await Workload.FillAsync(world, 100);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        world.Limits = s_limits;
        await world.RestartAsync();
        await world.UntilAsync(MigrationState.Running);
        return world;
    }

    /// <summary>The wait is far beyond all limits together, and ends a test that would hang.</summary>
    private static async Task AssertHalfDoneAsync(RealWorld world, Func<Task> verb, string said, string remedy, BackendConnection? app = null)
    {
        var error = await Assert.ThrowsAsync<MigrationException>(() => verb().WaitAsync(TimeSpan.FromMinutes(2)));
        Assert.True(error.Code == "half_done" && error.Message.Contains(said, StringComparison.Ordinal), $"{error.Message}\n{world}");
        Assert.Contains(remedy, error.Remedy, StringComparison.Ordinal);
        var status = await world.Service.StatusAsync(world.Schema, default);
        Assert.Equal((error.Message, error.Remedy), (status.Error, status.Remedy));
        await WriteAsync(world, app);
    }

    /// <summary>The application's own write, which nothing of this may disturb. Who has no connection logs in, which the default backend has to answer.</summary>
    private static async Task WriteAsync(RealWorld world, BackendConnection? app = null)
    {
        await using var own = app is null ? await world.OpenAppAsync() : null;
        await (app ?? own)!.ExecuteAsync("REPLACE INTO words (word) VALUES ('meanwhile')", default);
    }

    private static async Task AssertNothingLeftAsync(RealWorld world)
    {
        await using (var target = await BackendConnection.OpenAsync(world.TargetOptions, default))
        {
            Assert.Equal(0, (await target.QueryAsync($"SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name IN ('{world.Schema}', '_switchyard')", default)).GetInt64(0, 0));
        }

        await using var source = await world.OpenSourceAsync(schema: false);
        Assert.Equal(0, await world.CountStreamsAsync(source));
        await WriteAsync(world);
    }

    /// <summary>Lets servers go on before what a test has made on them is removed, whatever became of the test.</summary>
    private sealed class Thawed(params LabServer[] servers) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            foreach (var server in servers)
            {
                await server.ThawAsync();
            }
        }
    }
}
