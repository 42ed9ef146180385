using System.Globalization;
using System.Text;
using Switchyard.Binlog;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Tests.Keys;

public sealed class KeyTests
{
    private static readonly KeyCodec s_int = Codec((ColumnKind.Integer, false));

    [Theory]
    [InlineData(ColumnKind.Integer, false, new[] { "-9223372036854775808", "-257", "-1", "0", "1", "255", "256", "9223372036854775807" })]
    [InlineData(ColumnKind.Integer, true, new[] { "0", "9", "10", "9223372036854775808", "18446744073709551615" })]
    [InlineData(ColumnKind.Date, false, new[] { "0000-00-00", "1000-01-01", "2024-02-29", "9999-12-31" })]
    [InlineData(ColumnKind.DateTime, false, new[] { "0000-00-00 00:00:00.000", "2024-01-01 00:00:00.001", "2024-01-01 00:00:00.010" })]
    [InlineData(ColumnKind.Binary, false, new[] { "", "\0", "\0\0", "\0\u0001", "\u0001", "a", "a\0", "a\0\0", "a\u0001", "aa", "b" })]
    public void Encoded_keys_are_ordered_like_the_values(ColumnKind kind, bool unsigned, string[] ascending)
    {
        var codec = Codec((kind, unsigned));
        Assert.True(codec.IsOrdered);
        var encoded = ascending.Select(v => codec.Encode([Value(v)])).ToArray();
        for (var i = 1; i < encoded.Length; i++)
        {
            Assert.True(encoded[i - 1].AsSpan().SequenceCompareTo(encoded[i]) < 0, $"{ascending[i - 1]} before {ascending[i]}");
        }
    }

    [Fact]
    public void A_composite_key_is_ordered_by_its_first_part_whatever_the_length_of_it()
    {
        var codec = Codec((ColumnKind.Binary, false), (ColumnKind.Integer, false));
        string[][] ascending = [["", "5"], ["a", "-1"], ["a", "7"], ["a\0", "-9"], ["ab", "0"], ["b", "-100"]];
        var encoded = ascending.Select(k => codec.Encode([.. k.Select(Value)])).ToArray();
        Assert.Equal(encoded, encoded.OrderBy(e => e, Comparer<byte[]>.Create((x, y) => x.AsSpan().SequenceCompareTo(y))).ToArray());
    }

    [Theory]
    [InlineData(ColumnKind.Text)]
    [InlineData(ColumnKind.Decimal)]
    [InlineData(ColumnKind.Double)]
    [InlineData(ColumnKind.Time)]
    public void What_the_server_alone_can_order_is_not_ordered_here(ColumnKind kind) =>
        Assert.False(Codec((ColumnKind.Integer, false), (kind, false)).IsOrdered);

    [Fact]
    public void The_same_double_printed_in_two_ways_is_one_key()
    {
        var codec = Codec((ColumnKind.Double, false));
        Assert.Equal(codec.Encode([Value("1e20")]), codec.Encode([Value("100000000000000000000")]));
    }

    [Theory]
    [InlineData("42", "-7")]
    [InlineData("", "a,b%c")]
    [InlineData("\0\u00ff", "ü €")]
    public void A_bound_survives_being_written_down(string first, string second)
    {
        var codec = Codec((ColumnKind.Text, false), (ColumnKind.Text, false));
        var bound = KeyBound.FromCells(codec, [Value(first), Value(second)]);
        var text = bound.ToText();
        Assert.All(text, c => Assert.InRange(c, '!', '~'));
        Assert.Equal(bound.Encoded, KeyBound.Parse(codec, text).Encoded);
    }

    [Fact]
    public void A_bound_of_another_key_is_refused() => Assert.Throws<ReplicationException>(() => KeyBound.Parse(s_int, "1,2"));

    [Fact]
    public void Ranges_of_composite_keys_compare_column_by_column()
    {
        KeyColumnSql[] key = [new("`a`"u8.ToArray(), Literal.Raw), new("`b`"u8.ToArray(), Literal.Quoted), new("`c`"u8.ToArray(), Literal.Raw)];
        var codec = Codec((ColumnKind.Integer, false), (ColumnKind.Binary, false), (ColumnKind.Integer, false));
        using var sql = new PayloadWriter();
        KeyConditions.WriteRange(sql, key, new KeyRange(
            KeyBound.FromCells(codec, [Value("1"), Value("x'"), Value("3")]), KeyBound.FromCells(codec, [Value("9"), Value("y"), Value("8")])));
        Assert.Equal(
            "(`a`>1 OR (`a`=1 AND (`b`>'x\\'' OR (`b`='x\\'' AND `c`>3)))) AND (`a`<9 OR (`a`=9 AND (`b`<'y' OR (`b`='y' AND `c`<=8))))",
            Encoding.UTF8.GetString(sql.WrittenSpan));
    }

    [Fact]
    public void A_set_of_ranges_holds_exactly_the_keys_of_its_ranges_in_whatever_order_they_come()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            // Bounds cut the keys into neighbours; some of them are empty, as after a cut at a chunk's end.
            var bounds = Enumerable.Range(0, 12).Select(_ => random.Next(0, 40)).Order().ToList();
            var ranges = new List<KeyRange> { new(null, Bound(bounds[0])) };
            for (var i = 1; i < bounds.Count; i++)
            {
                ranges.Add(new KeyRange(Bound(bounds[i - 1]), Bound(bounds[i])));
            }

            ranges.Add(new KeyRange(Bound(bounds[^1]), null));
            var set = new RangeSet();
            var added = new List<KeyRange>();
            foreach (var range in ranges.OrderBy(_ => random.Next()))
            {
                set.Add(range);
                added.Add(range);
                for (var key = -1; key <= 41; key++)
                {
                    var encoded = Bound(key).Encoded;
                    Assert.True(added.Exists(r => r.Contains(encoded)) == set.Contains(encoded), $"seed {seed}, key {key}, after {added.Count} ranges");
                }
            }

            Assert.Equal(1, set.Count);
        }
    }

    private static KeyBound Bound(int key) => KeyBound.FromCells(s_int, [Value(key.ToString(CultureInfo.InvariantCulture))]);

    private static Cell Value(string text) => Cell.FromBytes(text.Any(c => c > 0xFF) ? Encoding.UTF8.GetBytes(text) : Encoding.Latin1.GetBytes(text));

    private static KeyCodec Codec(params (ColumnKind Kind, bool Unsigned)[] columns) => new(
    [
        .. columns.Select((c, i) => new ColumnDefinition { Ordinal = i, Name = $"c{i}", ColumnType = "", DataType = "", Kind = c.Kind, IsUnsigned = c.Unsigned }),
    ]);
}
