using System.Text;

namespace Switchyard.Replication.Tests.Streams;

[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class CopyUnderWritesTests
{
    internal static readonly string[] Tables =
    [
        "CREATE TABLE items (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, sku VARCHAR(40) NOT NULL, price DECIMAL(12,4) NOT NULL, weight DOUBLE, note TEXT, bin VARBINARY(30), changed TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), KEY by_price (price)) ENGINE=InnoDB",
        "CREATE TABLE `lines` (a INT NOT NULL, b SMALLINT NOT NULL, v INT NOT NULL, kind ENUM('x','y','z') NOT NULL DEFAULT 'y', PRIMARY KEY (a, b)) ENGINE=InnoDB",
        "CREATE TABLE words (word VARCHAR(60) NOT NULL, lang CHAR(2) NOT NULL, n INT NOT NULL, PRIMARY KEY (word, lang)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
        "CREATE TABLE codes (code CHAR(12) CHARACTER SET latin1 NOT NULL PRIMARY KEY, hash BINARY(8) NOT NULL, UNIQUE KEY (hash)) ENGINE=InnoDB",
    ];

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_copy_under_writes_ends_with_the_same_rows_on_both_sides(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Tables);
        await FillAsync(scenario);
        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        var copier = new TableCopier(stream, new CopyOptions { Threads = 4, FirstChunkRows = 150, ChunkTime = TimeSpan.FromMilliseconds(60), MaxChunkRows = 400 });
        await using (var writers = await Writers.StartAsync(scenario, 4, Write))
        {
            await copier.RunAsync(default).WaitAsync(TimeSpan.FromMinutes(6));
            // Then through the running phase for a while, in transactions rather than in time.
            var enough = writers.Transactions + 200;
            while (writers.Transactions < enough)
            {
                await Scenario.CatchUpAsync(stream);
            }
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        Assert.All(copier.Progress, p => Assert.Equal(CopyPhase.Copied, p.Phase));
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-5.6", "mariadb-11.8")]
    public async Task Tables_whose_names_differ_in_nothing_but_case_are_copied_and_followed_each(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(
            from, to, "CREATE TABLE Words (id INT PRIMARY KEY, v VARCHAR(9), KEY (v)) ENGINE=InnoDB", "CREATE TABLE words (id INT PRIMARY KEY, n INT, KEY (n)) ENGINE=InnoDB", "INSERT INTO Words VALUES (1, 'a')", "INSERT INTO words VALUES (1, 7), (2, 8)");
        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions { Threads = 2 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(2));
        foreach (var statement in (string[])["UPDATE Words SET v='b'", "ALTER TABLE words ADD m INT DEFAULT 3", "UPDATE words SET n=9 WHERE id=1", "INSERT INTO Words VALUES (2, 'c')"])
        {
            await scenario.Source.ExecuteAsync(statement, default);
        }

        await Scenario.CatchUpAsync(stream);

        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
    }

    internal static async Task FillAsync(Scenario scenario, int rows = 3000)
    {
        foreach (var statement in (string[])["items", "lines", "words", "codes"])
        {
            for (var start = 0; start < rows; start += 500)
            {
                var sql = new StringBuilder(statement switch
                {
                    "items" => "INSERT INTO items (sku, price, weight, note, bin) VALUES ",
                    "lines" => "INSERT INTO `lines` (a, b, v, kind) VALUES ",
                    "words" => "INSERT INTO words VALUES ",
                    _ => "INSERT INTO codes VALUES ",
                });
                for (var i = start; i < Math.Min(rows, start + 500); i++)
                {
                    sql.Append(i == start ? "" : ",").Append(statement switch
                    {
                        "items" => $"('sku-{i}', {i}.25, {i}/7e0, REPEAT('n\\'\\\\', {i % 40}), x'00ff{i % 256:x2}27')",
                        "lines" => $"({i / 7 - 100}, {i % 7}, {i}, {(i % 3) + 1})",
                        "words" => $"('{Word(i)}', '{(i % 2 == 0 ? "de" : "fr")}', {i})",
                        _ => $"('{(char)('a' + (i % 26))}é{i}', UNHEX('{i:x12}0000'))",
                    });
                }

                await scenario.Source.ExecuteAsync(sql.ToString(), default);
            }
        }
    }

    internal static string Word(int i) => $"{"aäAÄbßczœ"[i % 9]}{(char)('a' + (i % 17))}w{i}";

    internal static string[] Write(Random random, int writer)
    {
        var id = random.Next(1, 3200);
        var other = random.Next(1, 3200);
        var word = Word(id);
        return random.Next(9) switch
        {
            0 => [$"INSERT INTO items (sku, price, note) VALUES ('new-{random.Next()}', {random.Next(9999)}.5, 'w{writer}')", $"UPDATE items SET price=price+1 WHERE id={id}"],
            1 => [$"DELETE FROM items WHERE id={id}", $"UPDATE items SET note=CONCAT(COALESCE(note,''),'+') WHERE id={other}"],
            2 => [$"UPDATE items SET id=id+1000000 WHERE id={id}", $"UPDATE items SET id=id-1000000 WHERE id={other}+1000000"],
            3 => [$"UPDATE `lines` SET v=v+1, kind=kind%3+1 WHERE a={(id / 7) - 100}", $"DELETE FROM `lines` WHERE a={(other / 7) - 100} AND b=3"],
            4 => [$"UPDATE `lines` SET b=b+10 WHERE a={(id / 7) - 100} AND b<7 ORDER BY b DESC", $"INSERT IGNORE INTO `lines` VALUES ({(other / 7) - 100}, 3, {other}, 1)"],
            5 => [$"UPDATE words SET word='{word.ToUpperInvariant()}' WHERE word='{word}'", $"UPDATE words SET n=n+1 WHERE word='{Word(other)}'"],
            6 => [$"DELETE FROM words WHERE word='{word}'", $"INSERT IGNORE INTO words VALUES ('{Word(other)}', 'it', {other})"],
            7 => [$"UPDATE codes SET code=CONCAT('q', RIGHT(code, 6)) WHERE code LIKE '_é{id}'", $"DELETE FROM codes WHERE code LIKE '_é{other}'"],
            _ => [$"UPDATE words SET word=CONCAT('z', LEFT(word, 50)) WHERE word='{word}'", $"INSERT IGNORE INTO codes VALUES ('n{id}', UNHEX('{id:x12}00{writer:x2}'))"],
        };
    }
}
