using Switchyard.Cli;
using Switchyard.Cli.Rendering;
using Switchyard.Migration;

namespace Switchyard.Tests;

/// <summary>What people read stays a screenful however many tables a schema has.</summary>
public sealed class ManyTablesTests
{
    [Fact]
    public void Tables_that_are_worked_at_come_first_and_the_rest_is_counted()
    {
        var text = Write(console => MigrationText.Status(console, Copying(100)));

        Assert.Contains("t097", text, StringComparison.Ordinal);
        Assert.Contains("t000", text, StringComparison.Ordinal);
        Assert.DoesNotContain("t050", text, StringComparison.Ordinal);
        Assert.Contains("and tables not shown: 68 waiting, 2 done; --format json lists all", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_screenful_of_tables_is_shown_as_it_is()
    {
        var text = Write(console => MigrationText.Status(console, Copying(30)));

        Assert.Contains("t029", text, StringComparison.Ordinal);
        Assert.DoesNotContain("not shown", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Tables_that_differ_come_first()
    {
        var tables = Enumerable.Range(0, 100).Select(i => new DiffTableReport($"t{i:000}", "done", 10, 0, i == 98 ? 1 : 0, 0, [])).ToList();
        var text = Write(console => DiffText.Write(console, new DiffReport(new DiffStatus("differences", 1000, 1, null, null, 1, null), tables)));

        Assert.Contains("t098", text, StringComparison.Ordinal);
        Assert.DoesNotContain("t099", text, StringComparison.Ordinal);
        Assert.Contains("and tables not shown: 70 done; --format json lists all", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_that_were_asked_for_are_shown()
    {
        var sample = new DiffSample("different", "5", ["a", "b"], ["1", null], ["2", "x"]);
        var text = Write(console => DiffText.Write(console, new DiffReport(new DiffStatus("differences", 1, 1, null, null, 1, null), [new DiffTableReport("t", "done", 1, 0, 0, 1, [sample])])));
        Assert.Contains("different t (5) a, b", text, StringComparison.Ordinal);
        Assert.Contains("  a: 1 | 2", text, StringComparison.Ordinal);
        Assert.Contains("  b: NULL | x", text, StringComparison.Ordinal);
    }

    private static MigrationStatus Copying(int tables) => new()
    {
        Name = "shop",
        State = MigrationState.Copying,
        Source = "old",
        Target = "new",
        Schema = "shop",
        Reads = "old",
        Writes = "old",
        Tables = [.. Enumerable.Range(0, tables).Select(i => new TableStatus($"t{i:000}", 0, 10, i == 97 && tables > 30 ? "copying" : i > 97 ? "done" : "waiting"))],
    };

    private static string Write(Action<Spectre.Console.IAnsiConsole> write)
    {
        using var text = new StringWriter();
        write(CliContext.CreateConsole(text, redirected: true));
        return text.ToString();
    }
}
