using System.Globalization;
using Switchyard.Cli;
using Switchyard.Client;
using Switchyard.Integration.Tests.Cutover;
using Switchyard.Lab;
using Switchyard.Migration;
using ServeProcess = Switchyard.Lab.ServeProcess;

namespace Switchyard.Integration.Tests.Copy;

/// <summary>
/// What the whole process takes at its peak, in each thing it does with rows of 100 MB; with SWITCHYARD_FULL=1 of up to 900 MB, as large as an event of the log can be. The kernel's high-water mark is
/// set back before each.
/// </summary>
[Trait("Category", "Integration")]
public sealed class LargeRowTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private static readonly int[] s_megabytes = [100, 250, 500, 900];
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(20);
    private const long PromisedKilobytes = 500 * 1024;

    // Without spilling, a row of 100 MB would be in it once at least.
    private static readonly long s_limitKilobytes = TestReport.Full ? PromisedKilobytes : 300 * 1024;

    [Theory]
    [InlineData("mariadb-10.11", "--innodb-log-file-size=4G", 900)]
    [InlineData("mysql-9.7", "--innodb-redo-log-capacity=12G", 500)] // beyond, the server itself takes 10 GB
    public Task Rows_larger_than_memory_may_be_are_copied_followed_and_compared(string name, string log, int most) =>
        MoveAsync(name, log, TestReport.Full ? [.. s_megabytes.Where(m => m <= most)] : [s_megabytes[0]], "LONGBLOB NOT NULL", Value, "large-rows");

    /// <summary>In MySQL's log a document is no text: what is written is made of it. By default of 20 MB, which are kept in files as well; larger ones take the servers minutes.</summary>
    [Theory]
    [InlineData("mysql-9.7", "--innodb-redo-log-capacity=12G")]
    public Task JSON_documents_larger_than_memory_may_be_are_copied_followed_and_compared(string name, string log) =>
        MoveAsync(name, log, TestReport.Full ? [100, 200] : [20], "JSON NOT NULL", Document, "large-documents");

    private async Task MoveAsync(string name, string log, int[] sizes, string type, Func<int, int, string> value, string title)
    {
        var report = new TestReport($"{title}-{name}", "| row | what | peak of the process |", output);
        await using var source = await LabServer.StartAsync(name, "--max-allowed-packet=1G", log);
        await using var target = await LabServer.StartAsync(name, "--max-allowed-packet=1G", log);
        await using var app = await BackendConnection.OpenAsync(ConnectionOptions.Parse(source.Dsn), default);
        await app.ExecuteMultiAsync("CREATE DATABASE heavy; USE heavy; CREATE TABLE mark (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", default);
        foreach (var megabytes in sizes)
        {
            await app.ExecuteAsync($"CREATE TABLE t{megabytes} (id INT NOT NULL PRIMARY KEY, b {type}, n INT) ENGINE=InnoDB", default);
            await app.ExecuteAsync($"INSERT INTO t{megabytes} VALUES (1, {value(megabytes, 1)}, 0)", default);
        }

        var directory = Directory.CreateTempSubdirectory("switchyard-large-").FullName;
        try
        {
            await using var serve = await ServeProcess.StartAsync(
                ServeProcess.Release, directory, new Dictionary<string, string> { ["a"] = source.Dsn, ["b"] = target.Dsn }, "a");
            using var api = new ApiClient(new Uri($"http://127.0.0.1:{serve.ApiPort}"), null);
            var peak = new Peak(serve.ProcessId);
            await api.PostAsync<MigrationStatus>("migrations", new CreateMigrationRequest { Name = "heavy", Source = "a", Target = "b", Schema = "heavy", CopyThreads = 2 }, default);
            await WaitAsync(api, status => status.State == MigrationState.Running);
            var highest = Note("all", "copy");

            await using var there = await BackendConnection.OpenAsync(ConnectionOptions.Parse(target.Dsn), default);
            var marks = 0;
            foreach (var megabytes in sizes)
            {
                await FollowAsync("insert", $"INSERT INTO t{megabytes} VALUES (2, {value(megabytes, 2)}, 0)");

                // Both images are in the event, which can be 1 GB at most.
                if (megabytes <= 500)
                {
                    await FollowAsync("update", $"UPDATE t{megabytes} SET n=1 WHERE id=1");
                    await FollowAsync("update of the value", $"UPDATE t{megabytes} SET b={value(megabytes, 3)} WHERE id=2");
                }

                async Task FollowAsync(string what, string statement)
                {
                    await app.ExecuteAsync(statement, default);
                    await app.ExecuteAsync($"INSERT INTO mark VALUES ({++marks})", default);
                    await WaitForAsync(there, $"SELECT COUNT(*) FROM heavy.mark WHERE id={marks}", api);
                    highest = Math.Max(highest, Note($"{megabytes} MB", what));
                }
            }

            await api.PostAsync<DiffReport>("migrations/heavy/diff/start", new DiffRequest(), default);
            DiffReport compared;
            do
            {
                compared = (await api.WaitAsync<DiffReport>("migrations/heavy/diff/wait", default)).Value;
            }
            while (compared.Summary.State == "running");

            Assert.Equal(("clean", 0L, null), (compared.Summary.State, compared.Summary.Differences, compared.Summary.Error));
            highest = Math.Max(highest, Note("all", "comparison"));
            foreach (var megabytes in sizes)
            {
                await app.ExecuteAsync($"DELETE FROM t{megabytes}", default);
                await app.ExecuteAsync($"INSERT INTO mark VALUES ({++marks})", default);
                await WaitForAsync(there, $"SELECT COUNT(*) FROM heavy.mark WHERE id={marks}", api);
                highest = Math.Max(highest, Note($"{megabytes} MB", "delete"));
            }

            Assert.InRange(highest, 1, s_limitKilobytes);

            long Note(string row, string what)
            {
                var kilobytes = peak.Take();
                report.Add($"| {row} | {what} | {kilobytes / 1024} MB |");
                return kilobytes;
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Servers store such a row and write it into their logs, and then send it to nobody. Takes 10 GB of memory for the servers.</summary>
    [Theory]
    [InlineData("mariadb-10.11", "--innodb-log-file-size=4G", "copied")]
    [InlineData("mariadb-10.11", "--innodb-log-file-size=4G", "followed")]
    public async Task A_row_that_no_log_can_carry_is_refused_with_a_sentence(string name, string log, string whenItIs)
    {
        if (!TestReport.Full)
        {
            return;
        }

        await using var source = await LabServer.StartAsync(name, "--max-allowed-packet=1G", log);
        await using var target = await LabServer.StartAsync(name, "--max-allowed-packet=1G", log);
        await using var app = await BackendConnection.OpenAsync(ConnectionOptions.Parse(source.Dsn), default);
        await app.ExecuteMultiAsync("CREATE DATABASE heavy; USE heavy; CREATE TABLE t (id INT NOT NULL PRIMARY KEY, a LONGBLOB, b LONGBLOB, c LONGBLOB) ENGINE=InnoDB", default);
        var insert = $"INSERT INTO t VALUES (1, {Value(400, 1)}, {Value(400, 2)}, {Value(400, 3)})";
        var directory = Directory.CreateTempSubdirectory("switchyard-large-").FullName;
        try
        {
            await using var serve = await ServeProcess.StartAsync(
                ServeProcess.Release, directory, new Dictionary<string, string> { ["a"] = source.Dsn, ["b"] = target.Dsn }, "a");
            using var api = new ApiClient(new Uri($"http://127.0.0.1:{serve.ApiPort}"), null);
            if (whenItIs == "copied")
            {
                await app.ExecuteAsync(insert, default);
            }

            await api.PostAsync<MigrationStatus>("migrations", new CreateMigrationRequest { Name = "heavy", Source = "a", Target = "b", Schema = "heavy", CopyThreads = 2 }, default);
            if (whenItIs == "followed")
            {
                await WaitAsync(api, status => status.State == MigrationState.Running);
                await app.ExecuteAsync(insert, default);
            }

            Assert.Contains("more than 1 GB", await FailureAsync(api), StringComparison.Ordinal);
            var peak = new Peak(serve.ProcessId).Take();
            output.WriteLine($"{name}: {peak / 1024} MB");
            Assert.InRange(peak, 1, s_limitKilobytes);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Of rows of 2 KB, a tenth of it by default.</summary>
    [Theory]
    [InlineData("mariadb-10.11", "--innodb-log-file-size=1G")]
    [InlineData("mysql-9.7", "--innodb-redo-log-capacity=2G")]
    public async Task A_transaction_of_2_GB_is_followed_in_bounded_memory(string name, string log)
    {
        var thousands = TestReport.Full ? 1_000 : 100;
        await using var source = await LabServer.StartAsync(name, log);
        await using var target = await LabServer.StartAsync(name, log);
        await using var app = await BackendConnection.OpenAsync(ConnectionOptions.Parse(source.Dsn), default);
        await app.ExecuteMultiAsync("CREATE DATABASE heavy; USE heavy; CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(2000) NOT NULL) ENGINE=InnoDB; CREATE TABLE n (n INT NOT NULL PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE mark (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", default);
        await app.ExecuteAsync($"INSERT INTO n VALUES {string.Join(",", Enumerable.Range(0, 1000).Select(n => $"({n})"))}", default);
        var directory = Directory.CreateTempSubdirectory("switchyard-large-").FullName;
        try
        {
            await using var serve = await ServeProcess.StartAsync(
                ServeProcess.Release, directory, new Dictionary<string, string> { ["a"] = source.Dsn, ["b"] = target.Dsn }, "a");
            using var api = new ApiClient(new Uri($"http://127.0.0.1:{serve.ApiPort}"), null);
            await api.PostAsync<MigrationStatus>("migrations", new CreateMigrationRequest { Name = "heavy", Source = "a", Target = "b", Schema = "heavy", CopyThreads = 2 }, default);
            await WaitAsync(api, status => status.State == MigrationState.Running);
            await app.ExecuteAsync("BEGIN", default);
            for (var i = 0; i < thousands; i++)
            {
                await app.ExecuteAsync($"INSERT INTO t SELECT {i * 1000}+n, REPEAT(CHAR(97+n%26), 2000) FROM n", default);
            }

            await app.ExecuteAsync("INSERT INTO mark VALUES (1)", default);
            await app.ExecuteAsync("COMMIT", default);
            await using var there = await BackendConnection.OpenAsync(ConnectionOptions.Parse(target.Dsn), default);
            await WaitForAsync(there, "SELECT COUNT(*) FROM heavy.mark", api);
            Assert.Equal(thousands * 1000L, (await there.QueryAsync("SELECT COUNT(*) FROM heavy.t", default)).GetInt64(0, 0));
            var peak = new Peak(serve.ProcessId).Take();
            output.WriteLine($"{name}: {peak / 1024} MB");
            Assert.InRange(peak, 1, PromisedKilobytes);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<string> FailureAsync(ApiClient api)
    {
        using var limit = new CancellationTokenSource(s_limit);
        while (true)
        {
            var status = (await api.GetAsync<MigrationStatus>("migrations/heavy/status", limit.Token)).Value;
            // Of a stream that connects again it is the reason.
            if (status.State == MigrationState.Error || status.Stream.State == "error")
            {
                return status.Error ?? status.Stream.Error ?? "";
            }

            await Task.Delay(50, limit.Token);
        }
    }

    // Every byte value is in it, those that have to be escaped included.
    private static string Value(int megabytes, int number) => $"REPEAT(CONCAT(UNHEX(SHA2({number}, 512)), UNHEX('005C27FF')), {megabytes * 15_420})";

    // One long text, many short ones, and a scalar that is put in by itself.
    private static string Document(int megabytes, int number) =>
        $"JSON_OBJECT('text', REPEAT(SHA2({number}, 512), {megabytes * 6_144}), 'many', CAST(CONCAT('[', REPEAT('{{\"id\": 1234567, \"name\": \"some words here\"}}, ', {megabytes * 5_957}), '{{}}]') AS JSON), 'exact', 1.50)";

    private static async Task WaitAsync(ApiClient api, Func<MigrationStatus, bool> isThere)
    {
        using var limit = new CancellationTokenSource(s_limit);
        MigrationStatus status;
        do
        {
            await Task.Delay(50, limit.Token);
            status = (await api.GetAsync<MigrationStatus>("migrations/heavy/status", limit.Token)).Value;
            Assert.True(status.State != MigrationState.Error && status.Stream.State != "error", status.Error ?? status.Stream.Error);
        }
        while (!isThere(status));
    }

    private static async Task WaitForAsync(BackendConnection there, string count, ApiClient api)
    {
        while ((await there.QueryAsync(count, default)).GetInt64(0, 0) == 0)
        {
            await WaitAsync(api, _ => true);
        }
    }
}
