using System.Text;

namespace Switchyard.Verification.Tests;

public sealed class PackedRowTests
{
    [Fact]
    public void Null_the_empty_value_and_bytes_come_back_as_they_went_in()
    {
        var row = new PackedRow.Builder();
        row.AddNull();
        row.Add([]);
        row.Add("ö\0'"u8);
        row.Add(new byte[5000]);

        var cells = PackedRow.Split(row.Written.ToArray());

        Assert.Null(cells[0].Bytes);
        Assert.Equal(0, cells[1].Bytes!.Value.Length);
        Assert.Equal("ö\0'", Encoding.UTF8.GetString(cells[2].Bytes!.Value.Span));
        Assert.Equal(5000, cells[3].Bytes!.Value.Length);
        Assert.Equal(4, cells.Count);
    }

    [Fact]
    public void The_key_is_a_prefix_and_is_found_by_a_span()
    {
        var row = new PackedRow.Builder();
        row.Add("k1"u8);
        row.Add("k2"u8);
        row.Add("value"u8);
        var length = PackedRow.PrefixLength(row.Written, 2);
        var rows = new Dictionary<byte[], int>(PackedRow.ByteComparer.Instance) { [row.Written[..length].ToArray()] = 7 };

        Assert.Equal(12, length);
        Assert.Equal(7, rows.GetAlternateLookup<ReadOnlySpan<byte>>()[row.Written[..length]]);
        Assert.False(rows.GetAlternateLookup<ReadOnlySpan<byte>>().ContainsKey("k1"u8));
    }

    [Fact]
    public void Two_cells_never_look_like_one()
    {
        var one = new PackedRow.Builder();
        one.Add("ab"u8);
        one.Add("c"u8);
        var other = new PackedRow.Builder();
        other.Add("a"u8);
        other.Add("bc"u8);

        Assert.False(one.Written.SequenceEqual(other.Written));
    }

    [Fact]
    public void A_value_too_long_to_hold_stands_as_its_digest_and_is_the_same_only_as_itself()
    {
        var value = new byte[3_000_000];
        var row = Packed(value);
        Assert.InRange(row.Length, 1, 100);
        Assert.Equal(row, Packed(new byte[3_000_000]));
        Assert.NotEqual(row, Packed(new byte[3_000_001]));
        value[^1] = 1;
        Assert.NotEqual(row, Packed(value));

        var cells = PackedRow.Split(row);
        Assert.True(cells[1].IsDigest);
        Assert.Equal(3_000_000, PackedRow.DigestedLength(cells[1].Bytes!.Value.Span));
        Assert.Equal("after"u8, cells[2].Bytes!.Value.Span);

        // A short value of a digest's bytes is another value.
        var digest = new PackedRow.Builder();
        digest.Add("1"u8);
        digest.Add(cells[1].Bytes!.Value.Span);
        digest.Add("after"u8);
        Assert.False(digest.Written.SequenceEqual(row));

        static byte[] Packed(byte[] value)
        {
            var row = new PackedRow.Builder();
            row.Add("1"u8);
            row.AddDigest(value);
            row.Add("after"u8);
            return row.Written.ToArray();
        }
    }
}
