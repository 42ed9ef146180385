namespace Switchyard.Topology.Tests;

public sealed class StreamPositionTests
{
    [Theory]
    [InlineData("binlog.000009:900", "binlog.000010:4")]
    [InlineData("binlog.999999:4", "binlog.1000000:4")]
    [InlineData("binlog.000001:9", "binlog.000001:10")]
    public void Positions_are_ordered_by_file_number_then_offset(string lower, string higher)
    {
        Assert.True(StreamPosition.Parse(lower) < StreamPosition.Parse(higher));
        Assert.True(StreamPosition.Parse(higher) >= StreamPosition.Parse(lower));
        Assert.True(default(StreamPosition) < StreamPosition.Parse(lower));
        Assert.Equal(higher, TopologyJson.Read<StreamPosition>("k", TopologyJson.Write(StreamPosition.Parse(higher))).ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("binlog.000001")]
    [InlineData(":4")]
    [InlineData("binlog.000001:-4")]
    public void What_is_no_position_is_refused(string text) => Assert.Throws<FormatException>(() => StreamPosition.Parse(text));
}
