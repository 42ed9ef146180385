using Xunit;

namespace Switchyard.Client.Tests;

public sealed class ServerErrorTests
{
    /// <summary>Logs write exceptions out in full, also inside others, and the server's text quotes rows.</summary>
    [Fact]
    public void What_logs_take_of_it_has_no_values_of_rows()
    {
        static void Meet() => throw new ServerErrorException(1062, "23000", "Duplicate entry 'ada@example.com' for key 'email'");
        var error = Assert.Throws<ServerErrorException>(Meet);
        var logged = new InvalidOperationException("The copy failed.", error).ToString();
        Assert.DoesNotContain("ada", logged, StringComparison.Ordinal);
        Assert.Contains("error 1062, SQLSTATE 23000", logged, StringComparison.Ordinal);
        Assert.Contains(nameof(Meet), logged, StringComparison.Ordinal);
        Assert.Contains("ada@example.com", error.Message, StringComparison.Ordinal);
    }
}
