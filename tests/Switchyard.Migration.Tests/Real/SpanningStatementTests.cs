namespace Switchyard.Migration.Tests.Real;

/// <summary>A move of some tables is judged by what applications have really run.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class SpanningStatementTests
{
    [Fact]
    public async Task What_would_need_both_backends_after_a_move_of_some_tables_is_known_beforehand()
    {
        await using var world = await RealWorld.StartAsync(
            "mariadb-10.11", "mariadb-10.11",
            "CREATE TABLE orders (id INT NOT NULL PRIMARY KEY, customer INT) ENGINE=InnoDB",
            "CREATE TABLE customers (id INT NOT NULL PRIMARY KEY, name VARCHAR(20)) ENGINE=InnoDB",
            "CREATE TABLE words (word VARCHAR(20) NOT NULL PRIMARY KEY) ENGINE=InnoDB");
        await using var app = await world.OpenAppAsync();
        for (var i = 1; i <= 3; i++)
        {
            await app.QueryAsync($"SELECT c.name FROM orders o JOIN customers c ON c.id=o.customer WHERE o.id={i}", default);
            await app.QueryAsync($"SELECT COUNT(*) FROM orders WHERE id>{i}", default);
        }

        for (var i = 1; i <= 2; i++)
        {
            await app.ExecuteAsync("START TRANSACTION", default);
            await app.ExecuteAsync($"INSERT INTO customers VALUES ({i}, 'secret{i}')", default);
            await app.ExecuteAsync($"INSERT INTO orders VALUES ({i}, {i})", default);
            await app.ExecuteAsync("COMMIT", default);
        }

        // Of one side only, of no table there is, and nothing of the migration's.
        await app.ExecuteAsync("START TRANSACTION", default);
        await app.ExecuteAsync("INSERT INTO words VALUES ('a')", default);
        await app.ExecuteAsync("UPDATE customers SET name='x' WHERE id=1", default);
        await app.ExecuteAsync("COMMIT", default);
        await app.ExecuteAsync("CREATE TEMPORARY TABLE own (id INT)", default);
        await app.ExecuteAsync("INSERT INTO own SELECT id FROM orders", default);

        var request = new CreateMigrationRequest { Name = world.Schema, Source = "a", Target = "b", Schema = world.Schema, Tables = ["orders"] };
        var report = await world.Service.PreflightAsync(request, default);

        Assert.True(report.Ok, string.Join("\n", report.Findings));
        string[] moves = [$"{world.Schema}.orders"], stays = [$"{world.Schema}.customers"];
        var statement = report.Spanning[0];
        Assert.Equal(("statement", 3L, "SELECT c.name FROM orders o JOIN customers c ON c.id=o.customer WHERE o.id=?"), (statement.Kind, statement.Count, statement.Statements[0]));
        Assert.Equal(moves, statement.Moves);
        Assert.Equal(stays, statement.Stays);
        var transaction = Assert.Single(report.Spanning, s => s.Kind == "transaction");
        Assert.Equal(2, transaction.Count);
        Assert.Equal(moves, transaction.Moves);
        Assert.Equal(stays, transaction.Stays);
        Assert.Equal(2, transaction.Statements.Count);
        Assert.Equal(2, report.Spanning.Count);
        Assert.DoesNotContain(report.Spanning.SelectMany(s => s.Statements), s => s.Contains("secret", StringComparison.Ordinal));
        Assert.InRange(statement.LastSeen, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddMinutes(1));
        Assert.Contains(report.Findings, f => f is { Code: "spans_backends", Severity: FindingSeverity.Warning } && f.What.Contains("1 kinds of statements and 1 of transactions", StringComparison.Ordinal));

        // The whole schema moves as one.
        Assert.Empty((await world.Service.PreflightAsync(request with { Tables = null }, default)).Spanning);
    }
}
