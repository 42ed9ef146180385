using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tests.Schema;

public sealed class SequenceCallsTests
{
    [Theory]
    [InlineData("SET NEW.id = NEXTVAL(a)", "", "s.a")]
    [InlineData("BEGIN IF NEW.id IS NULL THEN SET NEW.id = next value for `other`.`odd ``one`; END IF; SELECT PREVIOUS VALUE FOR b INTO @x; END", "", "other.odd `one s.b")]
    [InlineData("BEGIN SELECT setval(a, 5), lastval ( `x`.b ) INTO @a, @b; END", "", "s.a x.b")]
    [InlineData("SET NEW.v = 'NEXTVAL(a)' /* NEXTVAL(b) */, NEW.nextval = 5", "", "")]
    [InlineData("SET NEW.v = nextval('a')", "", "")]
    [InlineData("SET NEW.v = NEXTVAL(\"a\")", "ANSI_QUOTES", "s.a")]
    [InlineData("SET NEW.v = t.NEXTVAL", "", "")]
    [InlineData("BEGIN :NEW.v := a.NEXTVAL + x.b.CURRVAL; END", "PIPES_AS_CONCAT,ANSI_QUOTES,ORACLE", "s.a x.b")]
    public void What_a_body_asks_for_values_is_told_from_what_only_looks_like_it(string body, string modes, string expected) =>
        Assert.Equal(expected, string.Join(' ', SequenceCalls.Find(body, "s", modes)));
}
