using Switchyard.Binlog.Decoding;

namespace Switchyard.Binlog.Tests;

public sealed class Crc32Tests
{
    [Fact]
    public void The_check_value_of_the_algorithm_comes_out() => Assert.Equal(0xCBF4_3926u, Crc32.Compute("123456789"u8));

    [Fact]
    public void Multiplication_and_tables_agree_at_every_length()
    {
        var bytes = new byte[3000];
        new Random(7).NextBytes(bytes);
        for (var length = 0; length < bytes.Length; length += length < 600 ? 1 : 97)
        {
            for (var start = 0; start < 3; start++)
            {
                var span = bytes.AsSpan(start, Math.Min(length, bytes.Length - start));
                Assert.Equal(Crc32.ComputeByTables(span), Crc32.Compute(span));
            }
        }
    }
}
