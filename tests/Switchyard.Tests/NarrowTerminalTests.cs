using Switchyard.Cli;
using Switchyard.Cli.Rendering;
using Switchyard.Migration;

namespace Switchyard.Tests;

public sealed class NarrowTerminalTests
{
    [Theory]
    [InlineData(50)]
    [InlineData(60)]
    [InlineData(80)]
    [InlineData(200)]
    public void No_word_or_number_of_a_table_is_broken_on_a_narrow_terminal(int width)
    {
        DiffTableReport[] tables = [new("customer_addresses_of_delivery", "comparing", 1_234_567_890, 12_345, 23_456, 34_567, []), new("orders", "waiting", 0, 0, 0, 0, [])];
        using var writer = new StringWriter();
        var console = CliContext.CreateConsole(writer, redirected: true);
        console.Profile.Width = width;
        DiffText.Write(console, new DiffReport(new DiffStatus("running", 1_234_567_890, 70_368, null, null, 0.4, null), tables));
        var words = writer.ToString().Split((char[])[' ', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
        string[] expected = ["TABLE", "STATE", "ROWS", "MISSING", "EXTRA", "DIFFERENT", "customer_addresses_of_delivery", "comparing", "1,234,567,890", "12,345", "23,456", "34,567", "orders", "waiting"];
        Assert.Empty(expected.Except(words));
    }
}
