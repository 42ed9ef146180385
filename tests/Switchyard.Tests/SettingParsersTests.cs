using Switchyard.Configuration;

namespace Switchyard.Tests;

public sealed class SettingParsersTests
{
    [Theory]
    [InlineData("30s", 30_000)]
    [InlineData("500ms", 500)]
    [InlineData("2m", 120_000)]
    [InlineData("1.5h", 5_400_000)]
    [InlineData("10", 10_000)]
    [InlineData(".5", 500)]
    public void Times_are_read_with_their_unit(string text, double ms) => Assert.Equal(ms, SettingParsers.Duration(text).TotalMilliseconds);

    [Theory]
    [InlineData("")]
    [InlineData("soon")]
    [InlineData("-1s")]
    [InlineData("1d")]
    [InlineData("9999h")]
    public void What_is_no_time_is_refused(string text) => Assert.Throws<ConfigurationException>(() => SettingParsers.Duration(text));

    [Theory]
    [InlineData("127.0.0.1:99", "127.0.0.1:99")]
    [InlineData("localhost:99", "127.0.0.1:99")]
    [InlineData(":99", "0.0.0.0:99")]
    [InlineData("127.0.0.1", "127.0.0.1:4380")]
    [InlineData("127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("[::1]:99", "[::1]:99")]
    public void Addresses_are_read(string text, string endPoint) => Assert.Equal(endPoint, SettingParsers.EndPoint(text, 4380).ToString());

    [Fact]
    public void A_backend_is_a_name_and_a_dsn()
    {
        Assert.Equal(KeyValuePair.Create("old", "mysql://u:a=b@h/"), SettingParsers.Backend("old=mysql://u:a=b@h/"));
        Assert.Contains("NAME=DSN", Assert.Throws<ConfigurationException>(() => SettingParsers.Backend("mysql://u:a=b@h/")).Message, StringComparison.Ordinal);
    }
}
