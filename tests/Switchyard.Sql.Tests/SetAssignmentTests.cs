using System.Text;

namespace Switchyard.Sql.Tests;

public sealed class SetAssignmentTests
{
    [Theory]
    [InlineData("SET autocommit=0", "Session autocommit=0 Number")]
    [InlineData("SET @@GLOBAL.`Read_Only` := ON", "Global read_only=ON Word")]
    [InlineData("SET NAMES 'utf8mb4' COLLATE utf8mb4_bin", "Names names='utf8mb4' String, Names collate=utf8mb4_bin Word")]
    [InlineData("SET NAMES DEFAULT", "Names names=DEFAULT Default")]
    [InlineData("SET CHARACTER SET latin1", "CharacterSet character set=latin1 Word")]
    [InlineData("SET sql_mode = 'A,B' , SESSION x=-5", "Session sql_mode='A,B' String, Session x=-5 Number")]
    [InlineData("SET sql_mode=CONCAT(@@sql_mode, ',X') ", "Session sql_mode=CONCAT(@@sql_mode, ',X') Expression")]
    [InlineData("SET @A = (SELECT 1), @`b c`=2", "UserVariable a=(SELECT 1) Expression, UserVariable b c=2 Number")]
    [InlineData("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY", "Session transaction_isolation=REPEATABLE READ Word, Session transaction_read_only=READ ONLY Word")]
    [InlineData("SET TRANSACTION READ WRITE", "NextTransaction transaction_read_only=READ WRITE Word")]
    [InlineData("SET @@transaction_isolation='SERIALIZABLE'", "NextTransaction transaction_isolation='SERIALIZABLE' String")]
    [InlineData("/*!40101 SET SQL_MODE='x' */;", "Session sql_mode='x' String")]
    [InlineData("SET GLOBAL a=1, b=DEFAULT, SESSION c=2", "Global a=1 Number, Ambiguous b=DEFAULT Default, Session c=2 Number")]
    [InlineData("SET ROLE `x`", "Role role=`x` Word")]
    [InlineData("SET PERSIST_ONLY a = TRUE", "PersistOnly a=TRUE Word")]
    public void A_set_is_told_assignment_by_assignment(string sql, string expected)
    {
        var bytes = Encoding.UTF8.GetBytes(sql);
        Assert.True(SqlScanner.TryReadSetAssignments(bytes, Describe.MySql, out var assignments));
        Assert.Equal(expected, string.Join(", ", assignments.Select(a => $"{a.Scope} {a.Name}={Encoding.UTF8.GetString(a.ValueText(bytes))} {a.ValueKind}")));
    }

    [Theory]
    [InlineData("SELECT 1")]
    [InlineData("SET x")]
    [InlineData("SET x = 1,")]
    [InlineData("SET x = 1; SET y = 2")]
    [InlineData("SET x = 'open")]
    [InlineData("SET PASSWORD = 'x'")]
    [InlineData("")]
    public void Anything_else_is_not(string sql)
    {
        Assert.False(SqlScanner.TryReadSetAssignments(Encoding.UTF8.GetBytes(sql), Describe.MySql, out var assignments));
        Assert.Empty(assignments);
    }

    [Theory]
    [InlineData(@"'a''b\'c\n\\'", "a'b'c\n\\")]
    [InlineData("\"x\"\"y\"", "x\"y")]
    [InlineData("''", "")]
    [InlineData("x", null)]
    [InlineData("'a' 'b'", null)]
    [InlineData("'a", null)]
    public void String_literals_are_unescaped(string literal, string? expected) =>
        Assert.Equal(expected, SqlScanner.DecodeString(Encoding.UTF8.GetBytes(literal), Describe.MySql));

    [Fact]
    public void Without_backslash_escapes_a_backslash_is_itself() =>
        Assert.Equal(@"a\n", SqlScanner.DecodeString(@"'a\n'"u8, Describe.MySql with { NoBackslashEscapes = true }));
}
