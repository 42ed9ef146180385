using System.Text;

namespace Switchyard.Verification.Tests;

public sealed class JsonEqualityTests
{
    [Theory]
    [InlineData("{\"a\": 1, \"b\": [1, 2]}", "{\"b\":[1,2],\"a\":1}")]
    [InlineData("{\"a\": 1, \"a\": 2}", "{\"a\": 2}")]
    [InlineData("1", "1.0")]
    [InlineData("1e2", "100.0")]
    [InlineData("18446744073709551616", "1.8446744073709552e19")]
    [InlineData("\"\\u00f6\"", "\"ö\"")]
    [InlineData("\"\\/\"", "\"/\"")]
    [InlineData(" [ null , true ] ", "[null,true]")]
    public void Texts_that_mean_the_same_are_equal(string left, string right) => Assert.True(AreEqual(left, right));

    [Theory]
    [InlineData("{\"a\": 1}", "{\"a\": 2}")]
    [InlineData("{\"a\": 1}", "{\"A\": 1}")]
    [InlineData("{\"a\": 1}", "{\"a\": 1, \"b\": null}")]
    [InlineData("[1, 2]", "[2, 1]")]
    [InlineData("1", "\"1\"")]
    [InlineData("null", "false")]
    [InlineData("18446744073709551615", "18446744073709551614")]
    [InlineData("9007199254740993", "9007199254740992")]
    [InlineData("{}", "[]")]
    [InlineData("\"a\"", "\"a \"")]
    [InlineData("{", "{")]
    public void Texts_that_mean_something_else_or_nothing_are_not(string left, string right) => Assert.False(AreEqual(left, right));

    private static bool AreEqual(string left, string right) => JsonEquality.AreEqual(Encoding.UTF8.GetBytes(left), Encoding.UTF8.GetBytes(right));
}
