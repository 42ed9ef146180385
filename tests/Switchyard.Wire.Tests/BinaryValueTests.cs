using Xunit;

namespace Switchyard.Wire.Tests;

public sealed class BinaryValueTests
{
    [Theory]
    [InlineData(ColumnType.Tiny, false, "7F", 127ul)]
    [InlineData(ColumnType.Tiny, false, "FF", null)]
    [InlineData(ColumnType.Tiny, true, "FF", 255ul)]
    [InlineData(ColumnType.Short, false, "0001", 256ul)]
    [InlineData(ColumnType.Short, false, "FFFF", null)]
    [InlineData(ColumnType.Long, false, "00000001", 1ul << 24)]
    [InlineData(ColumnType.Long, false, "FFFFFFFF", null)]
    [InlineData(ColumnType.Long, true, "FFFFFFFF", (ulong)uint.MaxValue)]
    [InlineData(ColumnType.LongLong, false, "0100000000000000", 1ul)]
    [InlineData(ColumnType.LongLong, false, "FFFFFFFFFFFFFFFF", null)]
    [InlineData(ColumnType.Double, false, "0000000000002440", 10ul)]
    [InlineData(ColumnType.Double, false, "0000000000000440", null)]
    [InlineData(ColumnType.Double, false, "00000000000024C0", null)]
    [InlineData(ColumnType.Double, false, "000000000000F87F", null)]
    [InlineData(ColumnType.VarString, false, "023432", 42ul)]
    [InlineData(ColumnType.VarString, false, "0334322E", null)]
    [InlineData(ColumnType.VarString, false, "00", null)]
    [InlineData(ColumnType.Null, false, "", null)]
    public void A_whole_number_is_read_in_every_form_it_is_sent_in(ColumnType type, bool isUnsigned, string bytes, ulong? expected)
    {
        var reader = new PayloadReader(Convert.FromHexString(bytes));
        Assert.Equal(expected, BinaryValue.ReadWhole(ref reader, type, isUnsigned));
    }
}
