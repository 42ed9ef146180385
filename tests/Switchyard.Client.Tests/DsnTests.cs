using Xunit;

namespace Switchyard.Client.Tests;

public sealed class DsnTests
{
    [Fact]
    public void All_parts_of_a_connection_string_are_read()
    {
        var options = ConnectionOptions.Parse("mysql://us%65r:p%40ss%2Fw:rd@db.example:3307/my%20shop?ssl-mode=VERIFY_CA&ssl-ca=/etc/ca.pem&connect-timeout=2.5&get-server-public-key=false");
        Assert.Equal("user", options.User);
        Assert.Equal("p@ss/w:rd", options.Password);
        Assert.Equal("db.example", options.Host);
        Assert.Equal(3307, options.Port);
        Assert.Equal("my shop", options.Schema);
        Assert.Equal(SslMode.VerifyCa, options.SslMode);
        Assert.Equal("/etc/ca.pem", options.SslCa);
        Assert.Equal(TimeSpan.FromSeconds(2.5), options.ConnectTimeout);
        Assert.False(options.AllowPublicKeyRetrieval);
        Assert.Equal(options.ToDsn(), ConnectionOptions.Parse(options.ToDsn()).ToDsn());
    }

    [Fact]
    public void What_is_left_out_has_defaults()
    {
        var options = ConnectionOptions.Parse("mysql://root@[::1]");
        Assert.Equal(("::1", 3306, "root", null, null), (options.Host, options.Port, options.User, options.Password, options.Schema));
        Assert.Equal("mysql://root@[::1]:3306/", options.ToDsn());
    }

    [Fact]
    public void Nothing_that_prints_options_shows_the_password()
    {
        var options = ConnectionOptions.Parse("mysql://u:geheim@h:1/s");
        Assert.Equal("mysql://u:***@h:1/s", options.Redacted);
        Assert.DoesNotContain("geheim", options.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", $"{options}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("postgres://u:geheim@h/", "mysql://")]
    [InlineData("mysql://u:geheim@:3306/", "names no host")]
    [InlineData("mysql://u:geheim@h:99999/", "65535")]
    [InlineData("mysql://u:geheim@[::1/", "bracket")]
    [InlineData("mysql://u:geheim@h/?ssl-mode=maybe", "verify-identity")]
    [InlineData("mysql://u:geheim@h/?sslmode=required", "known are ssl-mode")]
    [InlineData("mysql://u:geheim@h/?ssl-mode", "has no value")]
    [InlineData("mysql://u:geheim@h/?connect-timeout=0", "seconds")]
    [InlineData("mysql://u:geheim", "port")]
    [InlineData("mysql://u:geheim?x@h:3306/", "%3F")]
    [InlineData("mysql://u:x?geheim@h:3306/", "%3F")]
    [InlineData("mysql://u:x@y?geheim@h:3306/", "%3F")]
    [InlineData("mysql://u:x@y?geheim=1@h:3306/", "%3F")]
    [InlineData("mysql://u:x@y?ssl-mode=geheim@h:3306/", "%3F")]
    [InlineData("mysql://[geheim", "bracket")]
    public void A_wrong_connection_string_is_refused_with_a_sentence_that_helps(string dsn, string says)
    {
        var e = Assert.Throws<FormatException>(() => ConnectionOptions.Parse(dsn));
        Assert.Contains(says, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("geheim", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_and_texts_are_quoted_so_that_nothing_in_them_is_sql()
    {
        Assert.Equal("`a``b`", SqlText.QuoteIdentifier("a`b"));
        Assert.Equal("'it''s \\\\ \\0\\n\\r\\Z'", SqlText.QuoteString("it's \\ \0\n\r\x1A"));
    }
}
