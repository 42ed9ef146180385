using System.Text;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Rows that change without an event of their own.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class CascadeTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task Cascaded_changes_reach_the_target_during_and_after_the_copy(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(
            from,
            to,
            "CREATE TABLE owner (id INT NOT NULL PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE, n INT NOT NULL DEFAULT 0) ENGINE=InnoDB",
            "CREATE TABLE part (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, owner_id INT, n INT NOT NULL DEFAULT 0, FOREIGN KEY (owner_id) REFERENCES owner (id) ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB",
            "CREATE TABLE tag (tag VARCHAR(30) NOT NULL PRIMARY KEY, part_id INT, owner_code VARCHAR(20), FOREIGN KEY (part_id) REFERENCES part (id) ON DELETE SET NULL, FOREIGN KEY (owner_code) REFERENCES owner (code) ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB",
            "CREATE TABLE tree (id INT NOT NULL PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE) ENGINE=InnoDB");
        await FillAsync(scenario);
        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        var copier = new TableCopier(stream, new CopyOptions { Threads = 3, FirstChunkRows = 100, MaxChunkRows = 100 });
        await using (var writers = await Writers.StartAsync(scenario, 3, Write))
        {
            await copier.RunAsync(default).WaitAsync(TimeSpan.FromMinutes(6));
            var enough = writers.Transactions + 150;
            while (writers.Transactions < enough)
            {
                await Scenario.CatchUpAsync(stream);
            }
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_foreign_key_that_the_stream_brings_cascades_from_then_on(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(
            from,
            to,
            "CREATE TABLE owner (code INT NOT NULL, id INT NOT NULL PRIMARY KEY, KEY (code)) ENGINE=InnoDB",
            "CREATE TABLE part (id INT NOT NULL PRIMARY KEY, owner_id INT) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false);
        var stream = await scenario.OpenAsync();
        foreach (var statement in (string[])[
            "INSERT INTO owner (id, code) VALUES (1, 10), (2, 20), (3, 30)",
            "INSERT INTO part VALUES (1, 1), (2, 2), (3, 3)",
            "ALTER TABLE part ADD CONSTRAINT f FOREIGN KEY (owner_id) REFERENCES owner (id) ON DELETE CASCADE ON UPDATE CASCADE",
            "DELETE FROM owner WHERE id=1",
            "UPDATE owner SET id=12 WHERE id=2",
            // Another place in the row, and another name: the foreign key goes along.
            "ALTER TABLE owner CHANGE id ident INT NOT NULL FIRST",
            "UPDATE owner SET ident=13 WHERE ident=3"])
        {
            await scenario.Source.ExecuteAsync(statement, default);
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
        Assert.Equal(2, await scenario.CountAsync(scenario.Tables.Single(t => t.Name == "part")));
    }

    private static async Task FillAsync(Scenario scenario)
    {
        var owners = new StringBuilder("INSERT INTO owner (id, code) VALUES (0, 'c0')");
        var parts = new StringBuilder("INSERT INTO part (id, owner_id) VALUES (1, 0)");
        var tags = new StringBuilder("INSERT INTO tag VALUES ('t0', 1, 'c0')");
        var tree = new StringBuilder("INSERT INTO tree VALUES (0, NULL)");
        for (var i = 1; i < 400; i++)
        {
            owners.Append($",({i},'c{i}')");
            tree.Append($",({i},{(i % 10 == 0 ? "NULL" : (i - 1).ToString())})");
        }

        for (var i = 2; i < 1200; i++)
        {
            parts.Append($",({i},{i % 400})");
            tags.Append($",('t{i}',{i},'c{i * 7 % 400}')");
        }

        foreach (var statement in (string[])[owners.ToString(), parts.ToString(), tags.ToString(), tree.ToString()])
        {
            await scenario.Source.ExecuteAsync(statement, default);
        }
    }

    private static string[] Write(Random random, int writer)
    {
        var id = random.Next(400);
        return random.Next(8) switch
        {
            0 => [$"DELETE FROM owner WHERE id={id}"],
            1 => [$"UPDATE owner SET id=id+1000 WHERE id={id}"],
            2 => [$"UPDATE owner SET code=CONCAT('k', code) WHERE id={id} AND LENGTH(code)<15"],
            3 => [$"DELETE FROM part WHERE id={random.Next(1200)}", $"UPDATE owner SET n=n+1 WHERE id={id}"],
            4 => [$"INSERT INTO part (owner_id, n) SELECT id, {writer} FROM owner WHERE id={id}"],
            5 => [$"INSERT IGNORE INTO tag SELECT CONCAT('n', {random.Next(100000)}), NULL, code FROM owner WHERE id={id}"],
            6 => [$"DELETE FROM tree WHERE id={id}", $"INSERT IGNORE INTO tree VALUES ({id}, NULL)"],
            _ => [$"UPDATE part SET n=n+1 WHERE owner_id={id}", $"UPDATE tag SET owner_code=NULL WHERE tag='t{random.Next(1200)}'"],
        };
    }
}
