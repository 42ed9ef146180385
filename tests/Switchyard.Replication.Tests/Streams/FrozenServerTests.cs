using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>A server stands still with its connections open: nobody is told by the network.</summary>
[Trait("Category", "Integration")]
[Trait("Waits", "limits")]
[Collection(StreamCollection.Name)]
public sealed class FrozenServerTests
{
    [Theory]
    [InlineData("mariadb-10.11", true, false)]
    [InlineData("mariadb-10.11", false, true)]
    [InlineData("mysql-9.7", false, false)]
    [InlineData("mysql-9.7", true, true)]
    public async Task A_server_that_freezes_is_told_of_and_copy_and_stream_go_on_once_it_thaws_or_is_restarted(string name, bool isSource, bool dies)
    {
        await using var from = await LabServer.StartAsync(name);
        await using var to = await LabServer.StartAsync(name);
        var server = isSource ? from : to;
        await using var scenario = await Scenario.CreateAsync(from, to, CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 600);
        await scenario.RecordAsync(change: d => d with { SilenceLimit = TimeSpan.FromSeconds(6) });
        await using var stream = await scenario.OpenAsync();
        TimeSpan? Silence() => isSource ? stream.Progress.SourceSilence : stream.Progress.TargetSilence;

        var chunks = 0;
        using (FaultPoints.Arm(isSource ? "copy.snapshot.before" : "copy.insert.before", async _ =>
        {
            if (Interlocked.Increment(ref chunks) == 3)
            {
                await server.FreezeAsync();
            }
        }))
        {
            var copying = new TableCopier(stream, new CopyOptions { Threads = 2, FirstChunkRows = 60, MaxChunkRows = 60 }).RunAsync(default);
            await UntilAsync(() => Silence() is not null);
            Assert.False(copying.IsCompleted);
            Assert.Null(isSource ? stream.Progress.TargetSilence : stream.Progress.SourceSilence);
            await ReviveAsync(server, dies);
            await copying.WaitAsync(TimeSpan.FromMinutes(4));
        }

        await using (var application = await scenario.ConnectSourceAsync())
        {
            await server.FreezeAsync();
            if (!isSource)
            {
                await WriteAsync(application, "while frozen");
            }

            await UntilAsync(() => Silence() is not null);
            await ReviveAsync(server, dies);
        }

        await using (var application = await scenario.ConnectSourceAsync())
        {
            await WriteAsync(application, "after");
        }

        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await UntilAsync(() => Silence() is null);
        await stream.StopAsync();
    }

    // A server counts each login that was begun and not ended against the host, and refuses it at max_connect_errors.
    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_source_that_is_frozen_for_longer_than_its_log_may_be_silent_finds_no_heap_of_abandoned_logins_when_it_goes_on(string name)
    {
        await using var from = await LabServer.StartAsync(name);
        await using var scenario = await Scenario.CreateAsync(from, await LabServer.SharedAsync(name, "target"), "CREATE TABLE t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
        // Each long enough for a server that is only busy, whose logins would be abandoned too.
        await scenario.RecordAsync(copies: false, change: d => d with
        {
            LogSilenceLimit = TimeSpan.FromSeconds(6), SilenceLimit = TimeSpan.FromSeconds(4), From = d.From with { ConnectTimeout = TimeSpan.FromSeconds(3) },
        });
        var attempts = new Attempts();
        await using var stream = await scenario.OpenAsync(logger: attempts);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1)", default);
        await Scenario.CatchUpAsync(stream);
        var before = await AbandonedAsync();

        await from.FreezeAsync();
        var already = attempts.Count;
        await UntilAsync(() => attempts.Count >= already + 5);
        Assert.Equal(StreamState.Reconnecting, stream.Progress.State);
        await from.ThawAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2)", default);
        using (var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3)))
        {
            await stream.WaitForAppliedAsync(await ReplicationStream.ReadEndAsync(scenario.From, limit.Token), limit.Token);
        }

        await scenario.AssertSameAsync();
        // At most that of the stream and that of the questions whether it is there, if nobody waited on them just then.
        Assert.InRange(await AbandonedAsync() - before, 0, 2);
        await stream.StopAsync();

        async Task<long> AbandonedAsync() => (await scenario.Source.QueryAsync("SHOW GLOBAL STATUS LIKE 'Aborted_connects'", default)).GetInt64(0, 1);
    }

    [Theory]
    [InlineData("mariadb-10.11", true)]
    [InlineData("mysql-9.7", false)]
    public async Task A_stream_whose_server_freezes_while_it_is_opened_is_not_opened_and_says_which(string name, bool isSource)
    {
        await using var server = await LabServer.StartAsync(name);
        var other = await LabServer.SharedAsync(name, "target");
        await using var scenario = await Scenario.CreateAsync(isSource ? server : other, isSource ? other : server, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false, change: d => d with { OpeningLimit = TimeSpan.FromSeconds(1) });
        using (FaultPoints.Arm("stream.open.connected", async _ => await server.FreezeAsync()))
        {
            var silent = await Assert.ThrowsAsync<BackendUnavailableException>(() => scenario.OpenAsync().WaitAsync(TimeSpan.FromMinutes(2)));
            Assert.Contains($"The stream {scenario.Definition.Id} could not be opened: 127.0.0.1:{server.Port} did not answer", silent.Message, StringComparison.Ordinal);
        }

        await server.ThawAsync();
        await using var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1)", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", true)]
    [InlineData("mariadb-10.11", false)]
    [InlineData("mysql-9.7", true)]
    public async Task A_stream_whose_server_stops_answering_while_it_connects_again_says_which_and_goes_on_by_itself(string name, bool isSource)
    {
        await using var scenario = await Scenario.CreateAsync(name, name, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
        await using var relay = new SilentRelay((isSource ? scenario.From : scenario.To).Port);
        ConnectionOptions Through(ConnectionOptions server) => server with { Port = relay.Port, SslMode = SslMode.Disabled };
        await scenario.RecordAsync(copies: false, change: d => d with { OpeningLimit = TimeSpan.FromSeconds(1) });
        scenario.Definition = isSource ? scenario.Definition with { From = Through(scenario.From) } : scenario.Definition with { To = Through(scenario.To) };
        var attempts = new Attempts();
        await using var stream = await scenario.OpenAsync(logger: attempts);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1)", default);
        await Scenario.CatchUpAsync(stream);

        // Other connections, and those that ask whether the server is there, are answered: only this one is forgotten.
        var silenced = 0;
        using (FaultPoints.Arm(isSource ? "stream.connect.source" : "stream.connect.target", _ =>
        {
            relay.SilenceLast();
            Interlocked.Increment(ref silenced);
            return ValueTask.CompletedTask;
        }))
        {
            await Scenario.KillDumpsAsync(scenario.Source, default);
            await UntilAsync(() => attempts.Reasons.Any(r => r.Contains($"127.0.0.1:{relay.Port} did not answer in time", StringComparison.Ordinal)));
            Assert.Equal(StreamState.Reconnecting, stream.Progress.State);
            Assert.Contains("goes on by itself", stream.Progress.Error, StringComparison.Ordinal);
        }

        Assert.True(silenced > 0);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2)", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    private sealed class Attempts : ILogger
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public ConcurrentQueue<string> Reasons { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            const int reconnecting = 3001;
            if (eventId.Id == reconnecting)
            {
                Reasons.Enqueue(formatter(state, exception));
                Interlocked.Increment(ref _count);
            }
        }
    }

    private static async Task WriteAsync(BackendConnection application, string note)
    {
        for (var id = 1; id <= 20; id++)
        {
            await application.ExecuteAsync($"UPDATE items SET note='{note}' WHERE id={id}", default);
        }
    }

    private static async Task ReviveAsync(LabServer server, bool dies)
    {
        if (dies)
        {
            await server.KillAsync();
            await server.RestartAsync();
        }
        else
        {
            await server.ThawAsync();
        }
    }

    private static async Task UntilAsync(Func<bool> there)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        while (!there())
        {
            await Task.Delay(50, limit.Token);
        }
    }
}
