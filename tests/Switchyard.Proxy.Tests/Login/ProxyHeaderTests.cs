using System.Net;
using System.Text;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Relay;

namespace Switchyard.Proxy.Tests.Login;

public sealed class ProxyHeaderTests
{
    private const string Next = "next";

    [Theory]
    [InlineData("PROXY TCP4 10.1.2.3 10.9.9.9 4321 3306\r\n", "10.1.2.3:4321")]
    [InlineData("PROXY TCP6 2001:db8::1 2001:db8::2 65535 3306\r\n", "[2001:db8::1]:65535")]
    [InlineData("PROXY UNKNOWN\r\n", null)]
    [InlineData("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", null)]
    public async Task A_line_names_the_client_and_ends_where_it_ends(string header, string? client) =>
        Assert.Equal(client, (await ReadAsync(Encoding.ASCII.GetBytes(header)))?.ToString());

    [Theory]
    [InlineData(0x21, 0x11, "0A010203 0A090909 10E1 0CEA", "10.1.2.3:4321")]
    [InlineData(0x21, 0x11, "0A010203 0A090909 10E1 0CEA 03 0004 AABBCCDD", "10.1.2.3:4321")]
    [InlineData(0x21, 0x21, "20010DB8000000000000000000000001 20010DB8000000000000000000000002 10E1 0CEA", "[2001:db8::1]:4321")]
    [InlineData(0x20, 0x00, "", null)]
    [InlineData(0x21, 0x31, "00", null)]
    public async Task A_binary_header_names_the_client_and_extensions_are_skipped(byte command, byte family, string addresses, string? client) =>
        Assert.Equal(client, (await ReadAsync(Binary(command, family, addresses)))?.ToString());

    [Theory]
    [InlineData("PROXY TCP4 10.1.2.3 10.9.9.9 4321\r\n")]
    [InlineData("PROXY TCP4 10.1.2.3 10.9.9.9 4321 70000\r\n")]
    [InlineData("PROXY TCP4 ::1 ::1 1 2\r\n")]
    [InlineData("PROXY TCP4 10 10 1 2\r\n")]
    [InlineData("PROXY TCP6 10.0.0.1 10.0.0.1 1 2\r\n")]
    [InlineData("PROXZ TCP4 10.1.2.3 10.9.9.9 1 2\r\n")]
    [InlineData("PROXY TCP4 10.1.2.3 10.9.9.9 1 2")]
    public async Task A_line_that_is_none_is_refused(string header) =>
        await Assert.ThrowsAsync<SessionProtocolException>(() => ReadAsync(Encoding.ASCII.GetBytes(header), ""));

    [Fact]
    public async Task A_line_without_end_is_given_up() =>
        await Assert.ThrowsAsync<SessionProtocolException>(() => ReadAsync(Encoding.ASCII.GetBytes("PROXY UNKNOWN " + new string('x', 1000))));

    [Theory]
    [InlineData(0x31, 0x11, "0A010203 0A090909 10E1 0CEA")]
    [InlineData(0x22, 0x11, "0A010203 0A090909 10E1 0CEA")]
    [InlineData(0x21, 0x11, "0A010203")]
    [InlineData(0x21, 0x21, "0A010203 0A090909 10E1 0CEA")]
    public async Task A_binary_header_that_does_not_fit_is_refused(byte command, byte family, string addresses) =>
        await Assert.ThrowsAsync<SessionProtocolException>(() => ReadAsync(Binary(command, family, addresses)));

    [Fact]
    public async Task Every_cut_of_a_header_is_refused()
    {
        foreach (var header in new[] { Encoding.ASCII.GetBytes("PROXY TCP4 10.1.2.3 10.9.9.9 4321 3306\r\n"), Binary(0x21, 0x11, "0A010203 0A090909 10E1 0CEA") })
        {
            for (var length = 1; length < header.Length; length++)
            {
                await Assert.ThrowsAsync<SessionProtocolException>(() => ReadAsync(header[..length], ""));
            }
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x55, 0, 0, 1 }, false)]
    [InlineData(new byte[] { 0x20, 0, 0, 1 }, false)]
    [InlineData(new byte[] { 0x50, 0x52, 0x4F, 0x58 }, true)]
    [InlineData(new byte[] { 0x0D, 0x0A, 0x0D, 0x0A }, true)]
    public void A_login_packet_is_not_taken_for_a_header(byte[] start, bool begins) => Assert.Equal(begins, ProxyHeader.Begins(start));

    private static byte[] Binary(byte command, byte family, string addresses)
    {
        var rest = Convert.FromHexString(addresses.Replace(" ", "", StringComparison.Ordinal));
        return [.. "\r\n\r\n\0\r\nQUIT\n"u8, command, family, (byte)(rest.Length >> 8), (byte)rest.Length, .. rest];
    }

    /// <summary>Reads the header in front of other bytes, which must be left.</summary>
    private static async Task<IPEndPoint?> ReadAsync(byte[] header, string next = Next)
    {
        await using var link = new Link(new MemoryStream([.. header, .. Encoding.ASCII.GetBytes(next)])) { ReadsAhead = false };
        var client = await ProxyHeader.ReadAsync(link, default);
        await link.EnsureAsync(next.Length, default);
        Assert.Equal(next, Encoding.ASCII.GetString(link.Buffered));
        return client;
    }
}
