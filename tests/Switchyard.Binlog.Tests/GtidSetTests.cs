namespace Switchyard.Binlog.Tests;

public sealed class GtidSetTests
{
    private const string A = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    private const string B = "00000000-0000-0000-0000-00000000000b";

    [Theory]
    [InlineData("", "")]
    [InlineData(A + ":1-5", A + ":1-5")]
    [InlineData(A + ":1:2:3:7", A + ":1-3:7")]
    [InlineData(A + ":5-7:1-3:4", A + ":1-7")]
    [InlineData(A + ":1-2,\n" + B + ":4", B + ":4," + A + ":1-2")]
    [InlineData(A + ":1-5:tag:3-4:2", A + ":1-5:tag:2-4")]
    [InlineData(A + ":tag:1, " + A + ":7", A + ":7:tag:1")]
    public void Sets_print_as_the_server_prints_them(string text, string expected) => Assert.Equal(expected, MySqlGtidSet.Parse(text).ToString());

    [Theory]
    [InlineData("x:1")]
    [InlineData(A)]
    [InlineData(A + ":0")]
    [InlineData(A + ":5-4")]
    [InlineData(A + ":1-")]
    public void Malformed_sets_say_so(string text) => Assert.Throws<FormatException>(() => MySqlGtidSet.Parse(text));

    [Fact]
    public void Set_algebra_agrees_with_plain_sets_of_numbers()
    {
        var random = new Random(11);
        for (var round = 0; round < 300; round++)
        {
            var (x, xs) = RandomSet(random);
            var (y, ys) = RandomSet(random);
            Assert.Equal(xs.Union(ys).Order(), Numbers(x.Union(y)));
            Assert.Equal(xs.Except(ys).Order(), Numbers(x.Subtract(y)));
            Assert.Equal(ys.IsSubsetOf(xs), x.Contains(y));
            Assert.True(x.Union(y).Contains(x));
            Assert.Equal(x, MySqlGtidSet.Parse(x.ToString()));
        }
    }

    [Fact]
    public void The_encoding_is_the_one_of_the_dump_command()
    {
        byte[] expected =
        [
            1, 0, 0, 0, 0, 0, 0, 0,
            0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62,
            2, 0, 0, 0, 0, 0, 0, 0,
            1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
            7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,
        ];
        Assert.Equal(expected, MySqlGtidSet.Parse(A + ":1-5:7").Encode());
    }

    [Fact]
    public void A_MariaDb_position_stands_for_everything_before_it_in_each_domain()
    {
        var position = MariaDbGtidSet.Parse("1-2-7,0-1-100,0-3-90");

        Assert.Equal("0-1-100,1-2-7", position.ToString());
        Assert.True(position.Contains(MariaDbGtid.Parse("0-9-100")));
        Assert.False(position.Contains(MariaDbGtid.Parse("0-1-101")));
        Assert.False(position.Contains(MariaDbGtid.Parse("2-1-1")));
        Assert.Equal("0-1-100,1-2-8,5-1-1", position.Union(MariaDbGtidSet.Parse("0-1-5,1-2-8,5-1-1")).ToString());
        Assert.Throws<FormatException>(() => MariaDbGtidSet.Parse("0-1"));
    }

    [Theory]
    [InlineData("binlog.000009:5", "binlog.000010:4", -1)]
    [InlineData("binlog.999999:5", "binlog.1000000:4", -1)]
    [InlineData("a.000001:5", "a.000001:5", 0)]
    [InlineData("a.000001:500", "a.000001:60", 1)]
    public void Positions_order_by_file_number_then_offset(string left, string right, int expected)
    {
        Assert.Equal(expected, Math.Sign(BinlogPosition.Parse(left).CompareTo(BinlogPosition.Parse(right))));
        Assert.Equal(left, BinlogPosition.Parse(left).ToString());
    }

    private static (MySqlGtidSet Set, HashSet<long> Numbers) RandomSet(Random random)
    {
        var set = new MySqlGtidSet();
        var numbers = new HashSet<long>();
        for (var i = random.Next(0, 25); i > 0; i--)
        {
            var number = random.NextInt64(1, 40);
            set.Add(Guid.Parse(A), "", number);
            numbers.Add(number);
        }

        return (set, numbers);
    }

    private static IEnumerable<long> Numbers(MySqlGtidSet set) => Enumerable.Range(1, 60).Select(i => (long)i).Where(i => set.Contains(Guid.Parse(A), "", i));

    [Fact]
    public void A_MariaDB_state_tells_what_another_log_lacks_server_by_server()
    {
        var state = MariaDbGtidState.Parse("0-1-100,0-2-101,1-2-7");
        state.Add(new MariaDbGtid(0, 1, 102));

        Assert.Equal("0-2-101,0-1-102,1-2-7", state.ToString());
        Assert.Equal("0-1-102,1-2-7", string.Join(',', state.Position));
        Assert.Null(state.FindMissing(MariaDbGtidState.Parse("0-2-105,0-1-102"), 0));
        Assert.Equal(new MariaDbGtid(0, 2, 101), state.FindMissing(MariaDbGtidState.Parse("0-1-103"), 0));
        Assert.Equal(new MariaDbGtid(0, 1, 102), state.FindMissing(MariaDbGtidState.Parse("0-2-101,0-1-101"), 0));
        Assert.Null(state.FindMissing(new MariaDbGtidState(), 5));
        Assert.True(state.KnowsServersOf(MariaDbGtidState.Parse("0-2-1,0-1-900,7-3-1")));
        Assert.False(state.KnowsServersOf(MariaDbGtidState.Parse("0-2-101,0-9-1")));
    }
}
