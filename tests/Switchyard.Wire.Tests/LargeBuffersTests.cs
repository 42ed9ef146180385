namespace Switchyard.Wire.Tests;

public sealed class LargeBuffersTests
{
    [Fact]
    public void What_is_given_back_is_used_again_and_kept_up_to_a_limit_whoever_gave_it_back()
    {
        const int size = 8 * 1024 * 1024;
        var given = Enumerable.Range(0, 20).Select(_ => LargeBuffers.Rent(size - 1)).ToList();
        Assert.All(given, buffer => Assert.InRange(buffer.Length, size, 2 * size));
        Parallel.ForEach(given, LargeBuffers.Return);

        var again = Enumerable.Range(0, 20).Select(_ => LargeBuffers.Rent(size)).ToList();
        Assert.InRange(again.Count(buffer => given.Exists(g => ReferenceEquals(g, buffer))), 1, LargeBuffers.KeptBytes / size);
        Assert.Equal(20, again.Distinct().Count());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(LargeBuffers.SharedBytes)]
    [InlineData(LargeBuffers.SharedBytes + 1)]
    [InlineData(4 * 1024 * 1024)]
    [InlineData((16 * 1024 * 1024) + 1)]
    public void A_buffer_is_as_long_as_asked_for_and_not_by_much_longer(int least) =>
        Assert.InRange(LargeBuffers.Rent(least).Length, least, Math.Max(2L * least, 1024));

    [Fact]
    public void A_writer_that_grows_past_every_size_keeps_what_was_written()
    {
        using var writer = new PayloadWriter();
        var piece = Enumerable.Range(0, 251).Select(i => (byte)i).ToArray();
        while (writer.Length < 21 * 1024 * 1024)
        {
            writer.WriteBytes(piece);
        }

        Assert.InRange(writer.Capacity, writer.Length, writer.Length * 3 / 2);
        for (var at = 0; at < writer.Length; at += piece.Length)
        {
            Assert.True(writer.WrittenSpan.Slice(at, piece.Length).SequenceEqual(piece));
        }
    }
}
