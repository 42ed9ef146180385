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

    // What is too long to hold is judged by a digest instead.
    [Theory]
    [InlineData("{\"a\": 1, \"b\": [1, 2]}", "{\"b\":[1,2],\"a\":1}", true)]
    [InlineData("{\"a\": {\"x\": 3, \"y\": {}}, \"a\": {\"y\": {}, \"x\": 2}}", "{\"a\": {\"x\": 2, \"y\": {}}}", true)]
    [InlineData("1", "1.0", true)]
    [InlineData("-0", "0.0", true)]
    [InlineData("1e2", "100.0", true)]
    [InlineData("18446744073709551616", "1.8446744073709552e19", true)]
    [InlineData("\"\\u00f6\\ud83d\\ude00\\n\"", "\"ö😀\\u000a\"", true)]
    [InlineData("\"\\/\"", "\"/\"", true)]
    [InlineData(" [ null , true, [] ] ", "[null,true,[]]", true)]
    [InlineData("{\"a\": 1}", "{\"a\": 2}", false)]
    [InlineData("{\"a\": 1, \"b\": 2}", "{\"a\": 2, \"b\": 1}", false)]
    [InlineData("{\"a\": 1}", "{\"a\": 1, \"b\": null}", false)]
    [InlineData("[1, 2]", "[2, 1]", false)]
    [InlineData("[1, [2]]", "[[1], 2]", false)]
    [InlineData("[\"a\", \"b\"]", "[\"a\\\"b\"]", false)]
    [InlineData("1", "\"1\"", false)]
    [InlineData("null", "false", false)]
    [InlineData("18446744073709551615", "18446744073709551614", false)]
    [InlineData("9007199254740993", "9007199254740992", false)]
    [InlineData("{}", "[]", false)]
    [InlineData("[1]\u0001.n", "[1]\u0001..", false)]
    [InlineData("[1", "[1 ", false)]
    [InlineData("[1,]", "[1]", false)]
    [InlineData("\"\\ud83d\"", "\"\\ud83d\\ud83d\"", false)]
    public void A_digest_is_the_same_where_texts_mean_the_same(string left, string right, bool same) =>
        Assert.Equal(same, JsonDigest.Compute(Encoding.UTF8.GetBytes(left), mayRepeat: true).AsSpan().SequenceEqual(JsonDigest.Compute(Encoding.UTF8.GetBytes(right), mayRepeat: right.Length % 2 == 0)));

    private static bool AreEqual(string left, string right) => JsonEquality.AreEqual(Encoding.UTF8.GetBytes(left), Encoding.UTF8.GetBytes(right));
}
