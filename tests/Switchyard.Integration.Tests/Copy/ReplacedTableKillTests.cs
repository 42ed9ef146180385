using Switchyard.Client;
using Switchyard.Integration.Tests.Cutover;
using Switchyard.Migration;

namespace Switchyard.Integration.Tests.Copy;

/// <summary>The process ends as by <c>kill -9</c> at every step that copies a table again because the source has another one under its name.</summary>
[Trait("Category", "Integration")]
public sealed class ReplacedTableKillTests
{
    private static readonly string[] s_points =
    [
        "copy.again.record.before", "copy.again.drop.before", "copy.again.create.before", "copy.again.mark.before", "copy.again.mark.after", "copy.snapshot.before=kill@2", "copy.insert.after", "copy.finish.before",
        "copy.rows.after",
    ];

    public static TheoryData<string, string> Pairs() => TestReport.Full
        ? new() { { "mariadb-10.11", "mysql-9.7" }, { "mysql-9.7", "mariadb-11.8" } }
        : new() { { "mariadb-10.11", "mysql-9.7" } };

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Killed_at_any_step_a_table_is_copied_again_whole(string from, string to)
    {
        await using var migration = await ServedMigration.StartAsync(
            from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL, KEY (v)) ENGINE=InnoDB", "CREATE TABLE other (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
            $"INSERT INTO t VALUES {string.Join(',', Enumerable.Range(1, 30_000).Select(i => $"({i},{i % 100})"))}");
        await migration.BeginAsync();
        await using var source = await migration.OpenSideAsync(source: true);
        for (var i = 0; i < s_points.Length; i++)
        {
            var point = s_points[i];
            await migration.Serve.KillAsync();
            await migration.Serve.StartAgainAsync(point.Contains('=', StringComparison.Ordinal) ? point : $"{point}=kill");
            await migration.UntilAsync(MigrationState.Running);
            await source.ExecuteAsync("CREATE TABLE _t_gho LIKE t", default);
            await source.ExecuteAsync($"ALTER TABLE _t_gho ADD added{i} INT NOT NULL DEFAULT 1", default);
            await source.ExecuteAsync("INSERT INTO _t_gho (id, v) SELECT id, v + 1 FROM t", default);
            await source.ExecuteAsync("RENAME TABLE t TO _t_del, _t_gho TO t", default);
            await source.ExecuteAsync("UPDATE t SET v=v+1 WHERE id%7=0", default);
            await migration.UntilKilledAsync();

            await source.ExecuteAsync("DELETE FROM t WHERE id%11=0 AND v%2=0", default);
            await source.ExecuteAsync("INSERT IGNORE INTO other SELECT MAX(v) FROM t", default);
            await migration.Serve.StartAgainAsync();
            await UntilSameAsync(migration, point);
            await source.ExecuteAsync("DROP TABLE _t_del", default);
        }
    }

    private static async Task UntilSameAsync(ServedMigration migration, string point)
    {
        // It is running until the stream meets the statement, and again when the table is copied.
        await migration.UntilAsync(MigrationState.Running);
        DiffReport report;
        do
        {
            await migration.UntilAsync(MigrationState.Running);
            try
            {
                report = await migration.DiffAsync();
            }
            catch (Cli.CliException)
            {
                report = new DiffReport(DiffStatus.None, []);
            }
        }
        while (report.State is "failed" or "none" or "stopped");

        Assert.True(report.State == "clean", $"{point}: {report.Summary}\n{migration.Log}");
    }
}
