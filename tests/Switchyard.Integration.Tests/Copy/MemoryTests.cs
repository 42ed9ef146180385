using Switchyard.Cli;
using Switchyard.Client;
using Switchyard.Integration.Tests.Cutover;
using Switchyard.Lab;
using Switchyard.Migration;
using ServeProcess = Switchyard.Lab.ServeProcess;

namespace Switchyard.Integration.Tests.Copy;

/// <summary>What the whole process takes at its peak stays under 500 MB for rows of 30 MB, such as are just not kept in files, and many tables; 2,000 of them with SWITCHYARD_FULL=1.</summary>
[Trait("Category", "Integration")]
public sealed class MemoryTests(Xunit.Abstractions.ITestOutputHelper output)
{
    // The short run takes 252 MB, and took 390 while buffers of megabytes were left to the collector.
    private static readonly long s_limitKilobytes = (TestReport.Full ? 500 : 350) * 1024;

    [Fact]
    public async Task Wide_rows_and_many_tables_are_copied_in_bounded_memory()
    {
        var (rowMegabytes, rows, tables) = TestReport.Full ? (30, 24, 2000) : (30, 8, 60);
        await using var source = await LabServer.StartAsync("mariadb-10.11", "--max-allowed-packet=256M", "--innodb-log-file-size=512M");
        await using var target = await LabServer.StartAsync("mariadb-10.11", "--max-allowed-packet=256M", "--innodb-log-file-size=512M");
        await using (var admin = await BackendConnection.OpenAsync(ConnectionOptions.Parse(source.Dsn), default))
        {
            await admin.ExecuteAsync("CREATE DATABASE heavy", default);
            await admin.ChangeSchemaAsync("heavy", default);
            await admin.ExecuteAsync("CREATE TABLE wide (id INT NOT NULL PRIMARY KEY, b LONGBLOB NOT NULL) ENGINE=InnoDB", default);
            await admin.ExecuteAsync("CREATE TABLE mixed (id INT NOT NULL PRIMARY KEY, b LONGBLOB NOT NULL) ENGINE=InnoDB", default);
            for (var i = 0; i < rows; i++)
            {
                await admin.ExecuteAsync($"INSERT INTO {(i % 2 == 0 ? "wide" : "mixed")} VALUES ({i * 1000}, REPEAT(UNHEX(SHA2({i}, 512)), {rowMegabytes * 1024 * 16}))", default);
            }

            foreach (var megabytes in (int[])[2, 8, 15])
            {
                await admin.ExecuteAsync($"CREATE TABLE some{megabytes} (id INT NOT NULL PRIMARY KEY, b LONGBLOB NOT NULL) ENGINE=InnoDB", default);
                for (var i = 0; i < 120 / megabytes; i++)
                {
                    await admin.ExecuteAsync($"INSERT INTO some{megabytes} VALUES ({i}, REPEAT(UNHEX(SHA2({i}, 512)), {megabytes * 1000 * 15}))", default);
                }
            }

            await admin.ExecuteAsync("INSERT INTO mixed " + string.Join(" UNION ALL ", Enumerable.Range(0, 900).Select(i => $"SELECT {i + 1}, 'small'")), default);
            for (var i = 0; i < tables; i++)
            {
                await admin.ExecuteMultiAsync($"CREATE TABLE t{i} (id INT NOT NULL PRIMARY KEY, v VARCHAR(100), n INT, KEY (n)) ENGINE=InnoDB;INSERT INTO t{i} VALUES (1,'a',1),(2,'b',2)", default);
            }

            await admin.ExecuteAsync("ANALYZE TABLE wide, mixed", default);
        }

        var directory = Directory.CreateTempSubdirectory("switchyard-memory-").FullName;
        try
        {
            await using var serve = await ServeProcess.StartAsync(
                ServeProcess.Release, directory, new Dictionary<string, string> { ["a"] = source.Dsn, ["b"] = target.Dsn }, "a");
            using var api = new ApiClient(new Uri($"http://127.0.0.1:{serve.ApiPort}"), null);
            await api.PostAsync<MigrationStatus>("migrations", new CreateMigrationRequest { Name = "heavy", Source = "a", Target = "b", Schema = "heavy", CopyThreads = 4 }, default);
            MigrationStatus status;
            do
            {
                await Task.Delay(50);
                status = (await api.GetAsync<MigrationStatus>("migrations/heavy/status", default)).Value;
                Assert.True(status.State != MigrationState.Error, status.Error);
            }
            while (status.State != MigrationState.Running);

            Assert.Equal(rows + 60 + 15 + 8 + 900 + (tables * 2), status.Copy!.RowsCopied);
            var kilobytes = new Peak(serve.ProcessId).Take();
            output.WriteLine($"{kilobytes / 1024} MB");
            Assert.InRange(kilobytes, 1, s_limitKilobytes);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
