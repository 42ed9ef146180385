using System.Text;
using Switchyard.Replication.Schema;

namespace Switchyard.Verification.Tests;

public sealed class ComparedColumnTests
{
    [Theory]
    [InlineData(ColumnKind.Text, "a", "a", true)]
    [InlineData(ColumnKind.Text, "a", "A", false)]
    [InlineData(ColumnKind.Text, "a", "a ", false)]
    [InlineData(ColumnKind.Text, null, "", false)]
    [InlineData(ColumnKind.Text, "", null, false)]
    [InlineData(ColumnKind.Text, null, null, true)]
    [InlineData(ColumnKind.Json, "{\"a\":1}", "{\"a\": 1}", true)]
    [InlineData(ColumnKind.Json, null, "null", false)]
    [InlineData(ColumnKind.Double, "0", "-0", true)]
    [InlineData(ColumnKind.Double, "1", "-1", false)]
    [InlineData(ColumnKind.Integer, "0", "-0", false)]
    public void Values_are_the_same_by_their_bytes_or_by_what_the_vendors_cannot_keep(ColumnKind kind, string? left, string? right, bool same)
    {
        var column = new ComparedColumn(Column(kind), Column(kind == ColumnKind.Json ? ColumnKind.Text : kind), crossVendor: true);
        Assert.Equal(same, column.Same(Cell(left), Cell(right)));
    }

    [Fact]
    public void The_sign_of_zero_counts_between_servers_that_keep_it()
    {
        var column = new ComparedColumn(Column(ColumnKind.Double), Column(ColumnKind.Double), crossVendor: false);
        Assert.False(column.Same(Cell("0"), Cell("-0")));
    }

    [Theory]
    [InlineData("utf8", "utf8mb3", false)]
    [InlineData("latin1", "utf8mb4", true)]
    [InlineData("utf8mb4", "utf8mb4", false)]
    public void Character_sets_that_differ_are_both_converted(string left, string right, bool converted)
    {
        var column = new ComparedColumn(Column(ColumnKind.Text) with { CharacterSet = left }, Column(ColumnKind.Text) with { CharacterSet = right }, crossVendor: true);
        Assert.Equal(converted, column.Converted);
        Assert.Equal(converted ? "CONVERT(`c` USING utf8mb4)" : "`c`", column.Expression(left: true));
    }

    private static ColumnDefinition Column(ColumnKind kind) => new() { Ordinal = 0, Name = "c", ColumnType = "x", DataType = "x", Kind = kind };

    private static ReadOnlyMemory<byte>? Cell(string? text) => text is null ? default(ReadOnlyMemory<byte>?) : Encoding.UTF8.GetBytes(text);
}
