using Switchyard.Client;
using Switchyard.Integration.Tests.Cutover;
using Switchyard.Lab;
using Switchyard.Migration;

namespace Switchyard.Integration.Tests.Copy;

/// <summary>What the whole process takes at its peak while it catches up with what was written without it: as much is read ahead, joined and under way at once as ever is.</summary>
[Trait("Category", "Integration")]
public sealed class BurstTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const long LimitKilobytes = 280 * 1024;

    private const string Small = "UPDATE {0}.t SET k=k+1 WHERE id=1+(i*7)%1000; UPDATE {0}.t SET c=REPEAT(CHAR(97+i%26), 110) WHERE id=1+(i*11)%1000; DELETE FROM {0}.t WHERE id=1+i%1000; INSERT INTO {0}.t VALUES (1+i%1000, i, 'again', 'again')";
    private const string Large = "UPDATE {0}.v SET b=REPEAT(CHAR(97+i%26), 200000) WHERE id=1+i%20";
    private const string Beside = "UPDATE {0}.v SET b=REPEAT(CHAR(97+i%26), 100000) WHERE id=100";

    /// <summary>
    /// Of small transactions; of values that are sent from where they lie; and of such beside values that did not change, which are in the log as well, twice, and of no use.
    /// </summary>
    public static TheoryData<string, int, string> Bursts()
    {
        var bursts = new TheoryData<string, int, string> { { "mariadb-10.11", 30_000, Small }, { "mysql-9.7", 500, Large }, { "mariadb-10.11", 60, Beside } };
        if (TestReport.Full)
        {
            bursts.Add("mysql-9.7", 20_000, Small);
            bursts.Add("mariadb-10.11", 1_000, Large);
        }

        return bursts;
    }

    [Theory]
    [MemberData(nameof(Bursts))]
    public async Task A_burst_is_caught_up_with_in_bounded_memory(string name, int transactions, string statements)
    {
        await using var migration = await ServedMigration.StartAsync(
            name,
            name,
            "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY (k)) ENGINE=InnoDB",
            "CREATE TABLE v (id INT NOT NULL PRIMARY KEY, b LONGBLOB NOT NULL, same LONGBLOB) ENGINE=InnoDB",
            "CREATE TABLE mark (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
            $"INSERT INTO t VALUES {string.Join(",", Enumerable.Range(1, 1000).Select(i => $"({i},0,'','')"))}",
            $"INSERT INTO v (id, b) VALUES {string.Join(",", Enumerable.Range(1, 20).Select(i => $"({i},'')"))}",
            "INSERT INTO v VALUES (100, '', REPEAT('s', 4000000))");
        var aside = $"{migration.Schema}_aside";
        await using var source = await BackendConnection.OpenAsync(ConnectionOptions.Parse((await LabServer.SharedAsync(name, "source")).Dsn), default);
        await using var target = await BackendConnection.OpenAsync(ConnectionOptions.Parse((await LabServer.SharedAsync(name, "target")).Dsn), default);
        await source.ExecuteAsync($"CREATE DATABASE {aside}", default);
        try
        {
            var body = string.Format(System.Globalization.CultureInfo.InvariantCulture, statements, migration.Schema);
            await source.ExecuteAsync($"CREATE PROCEDURE {aside}.burst() BEGIN DECLARE i INT DEFAULT 0; WHILE i < {transactions} DO START TRANSACTION; {body}; COMMIT; SET i=i+1; END WHILE; INSERT INTO {migration.Schema}.mark VALUES (1); END", default);
            await migration.BeginAsync();
            await migration.PostAsync<MigrationStatus>("stop");
            await source.ExecuteAsync($"CALL {aside}.burst()", default);
            var peak = new Peak(migration.Serve.ProcessId);
            peak.Take();
            await migration.PostAsync<MigrationStatus>("start");
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(10));
            while ((await target.QueryAsync($"SELECT COUNT(*) FROM {migration.Schema}.mark", limit.Token)).GetInt64(0, 0) == 0)
            {
                await Task.Delay(50, limit.Token);
                var status = await migration.StatusAsync();
                Assert.True(status.State != MigrationState.Error && status.Stream.State != "error", status.Error ?? status.Stream.Error);
            }

            var kilobytes = peak.Take();
            output.WriteLine($"{name}: {kilobytes / 1024} MB");
            foreach (var table in (string[])["t", "v"])
            {
                var sums = new List<string?>();
                foreach (var side in (BackendConnection[])[source, target])
                {
                    sums.Add((await side.QueryAsync($"CHECKSUM TABLE {migration.Schema}.{table}", default)).GetString(0, 1));
                }

                Assert.Equal(sums[0], sums[1]);
            }

            Assert.InRange(kilobytes, 1, LimitKilobytes);
        }
        finally
        {
            await source.ExecuteAsync($"DROP DATABASE {aside}", default);
        }
    }
}
