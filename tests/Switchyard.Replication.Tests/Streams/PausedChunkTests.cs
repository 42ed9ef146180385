using Switchyard.Faults;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>The copy stops at a named point, the application writes there and then, and the copy goes on: every race as a plain test.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class PausedChunkTests
{
    public static TheoryData<string, string, string> Cases()
    {
        var cases = new TheoryData<string, string, string>();
        foreach (var (from, to) in new[] { ("mariadb-10.11", "mariadb-10.11"), ("mysql-9.7", "mysql-9.7"), ("mysql-9.7", "mariadb-11.8"), ("mariadb-10.11", "mysql-9.7"), ("mysql-5.6", "mysql-9.7") })
        {
            foreach (var point in new[] { "copy.snapshot.before", "copy.read.after", "copy.insert.before" })
            {
                cases.Add(from, to, point);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Writes_into_a_chunk_that_stands_still_end_up_on_the_target(string from, string to, string point)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 200);
        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        await using var application = await scenario.ConnectSourceAsync();
        var hits = 0;
        using (FaultPoints.Arm(point, async token =>
        {
            var hit = Interlocked.Increment(ref hits);
            foreach (var statement in Writes(hit))
            {
                await application.ExecuteAsync(statement, token);
            }

            if (point != "copy.insert.before")
            {
                // The stream has all of it before the chunk goes on; at the insert it may not, since it waits for the chunk.
                await Scenario.CatchUpAsync(stream);
            }
        }))
        {
            var copier = new TableCopier(stream, new CopyOptions { Threads = 1, FirstChunkRows = 60, MaxChunkRows = 60 });
            await copier.RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        }

        Assert.True(hits > 10, $"The point was passed {hits} times.");
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    [Fact]
    public async Task A_table_whose_last_chunk_is_given_back_is_nobody_elses_to_take_up()
    {
        await using var scenario = await Scenario.CreateAsync("mariadb-10.11", "mariadb-10.11", CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 100);
        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        var seen = new List<(bool HasMore, bool IsToBeFinished)>();
        using (FaultPoints.Arm("copy.turn.after", _ =>
        {
            seen.AddRange(stream.Tables.All.Select(t => t.Work!).Where(w => w.Phase == CopyPhase.Copying).Select(w => (w.HasMore, w.IsToBeFinished)));
            return ValueTask.CompletedTask;
        }))
        {
            await new TableCopier(stream, new CopyOptions { Threads = 1, FirstChunkRows = 60, MaxChunkRows = 60 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        }

        Assert.Equal(scenario.Tables.Count, seen.Count(s => !s.HasMore));
        Assert.DoesNotContain(seen, s => s.IsToBeFinished);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    // Inside the chunk, across its bounds in both directions, into what is copied and what is not, in every table.
    private static IEnumerable<string> Writes(int hit)
    {
        for (var i = hit; i < 200; i += 23)
        {
            yield return $"UPDATE items SET price=price+{hit}, note='{hit}' WHERE id={i}";
            yield return $"UPDATE words SET n=n+{hit} WHERE n={i}";
            yield return $"UPDATE `lines` SET v=v+{hit} WHERE a={(i / 7) - 100}";
        }

        yield return $"DELETE FROM items WHERE id={hit * 13 % 200}";
        yield return $"UPDATE IGNORE items SET id={100000 + hit} WHERE id={hit * 7 % 200}";
        yield return $"UPDATE IGNORE items SET id={hit * 7 % 200} WHERE id={99999 + hit}";
        yield return $"INSERT INTO items (sku, price) VALUES ('late{hit}', 1)";
        yield return $"DELETE FROM `lines` WHERE a={(hit % 28) - 100} AND b={hit % 7}";
        yield return $"INSERT IGNORE INTO `lines` VALUES ({(hit * 3 % 28) - 100}, {hit % 7}, {hit}, 1)";
        yield return $"UPDATE IGNORE `lines` SET a=a+9 WHERE b={hit % 7} AND a BETWEEN -100 AND -95";
        yield return $"UPDATE IGNORE words SET word=CONCAT('m', word) WHERE n BETWEEN {hit * 5} AND {hit * 5 + 3}";
        yield return $"UPDATE words SET word=UPPER(word) WHERE n BETWEEN {hit * 11 % 200} AND {(hit * 11 % 200) + 4}";
        yield return $"DELETE FROM words WHERE n={hit * 17 % 200}";
        yield return $"INSERT IGNORE INTO words VALUES ('{CopyUnderWritesTests.Word(hit * 17 % 200)}', 'es', 1000)";
        yield return $"UPDATE IGNORE codes SET code=CONCAT('x', code) WHERE code LIKE '_é{hit % 10}%'";
        yield return $"DELETE FROM codes WHERE code LIKE '_é{hit * 3}'";
    }
}
