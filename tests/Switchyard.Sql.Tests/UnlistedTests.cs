using System.Text;

namespace Switchyard.Sql.Tests;

/// <summary>What is said of a text whose tables are not all known: the schemas they may be in.</summary>
public sealed class UnlistedTests
{
    [Theory]
    [InlineData("DROP DATABASE d", "d")]
    [InlineData("ALTER DATABASE d CHARACTER SET utf8mb4", "d")]
    [InlineData("ALTER DATABASE encryption DEFAULT CHARACTER SET utf8mb4", "encryption")]
    [InlineData("ALTER DATABASE CHARACTER SET utf8mb4", "session")]
    [InlineData("ALTER DATABASE READ ONLY = 0", "session")]
    [InlineData("ALTER SCHEMA ENCRYPTION = 'N'", "session")]
    [InlineData("ALTER SCHEMA COMMENT 'x'", "session")]
    [InlineData("CREATE DATABASE IF NOT EXISTS `default`", "default")]
    [InlineData("ALTER EVENT a.e ON SCHEDULE EVERY 1 DAY RENAME TO b.e DO ALTER TABLE t RENAME TO c.u", "a|b")]
    [InlineData("ALTER EVENT e RENAME TO b.e", "b|session")]
    [InlineData("CALL db.p()", "db")]
    [InlineData("CALL db.pack.p()", "db")]
    [InlineData("SELECT db.pack.f(1), db2 . f(1), f(1)", "db|db2|session")]
    [InlineData("EXPLAIN FOR SCHEMA db SELECT f(1)", "db")]
    public void The_schemas_of_what_is_not_listed_are_told(string sql, string expected)
    {
        var info = Describe.Scan(sql, Describe.MariaDb);
        Assert.False(info.TablesKnown);
        Assert.Equal(expected, string.Join('|', info.UnlistedIn.Select(schema => schema ?? "session").Order(StringComparer.Ordinal)));
    }

    /// <summary>Whoever keeps what routines and triggers do goes by it: only these change them.</summary>
    [Theory]
    [InlineData("CREATE PROCEDURE p() SELECT 1", true)]
    [InlineData("CREATE OR REPLACE FUNCTION f() RETURNS INT RETURN 1", true)]
    [InlineData("ALTER PROCEDURE p SQL SECURITY INVOKER", true)]
    [InlineData("DROP FUNCTION IF EXISTS f", true)]
    [InlineData("CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", true)]
    [InlineData("DROP TRIGGER g", true)]
    [InlineData("DROP DATABASE d", true)]
    [InlineData("CREATE TABLE t (a INT)", false)]
    [InlineData("ALTER TABLE t ADD b INT", false)]
    [InlineData("CREATE INDEX i ON t (a)", false)]
    [InlineData("RENAME TABLE t TO u", false)]
    [InlineData("DROP TABLE t", false)]
    public void Definitions_of_stored_code_list_not_all_and_those_of_tables_do(string sql, bool isCode)
    {
        var info = Describe.Scan(sql, Describe.MariaDb);
        Assert.Equal((StatementKind.Ddl, isCode), (info.Kind, !info.UnlistedIn.IsEmpty));
    }

    [Theory]
    [InlineData("SELECT $x, a.b FROM shop.t", "shop")]
    [InlineData("UPDATE $t, `shop` /* the */ . `t` SET a = 1", "shop")]
    [InlineData("SELECT 1 WHERE $x = 'UPDATE shop.t'", "shop")]
    [InlineData("SELECT a FROM t -- \0\n, `my shop`.t", "my shop")]
    [InlineData("FOO shop.t", "shop")]
    [InlineData("FOO 1.5, shop . t", "shop")]
    [InlineData("FOO; USE shop; DELETE FROM t", "shop")]
    [InlineData("FOO; USE $x; DROP DATABASE IF EXISTS `shop`", "shop")]
    [InlineData("FOO /*!99999 shop.t */", "shop")]
    [InlineData("EXECUTE IMMEDIATE 'USE shop'", "shop")]
    [InlineData("EXECUTE IMMEDIATE 'drop schema `shop`'", "shop")]
    [InlineData("PREPARE s FROM 'CREATE DATABASE IF NOT EXISTS shop'", "shop")]
    [InlineData("EXECUTE IMMEDIATE 'USE shop'; DELETE FROM t", "shop")]
    public void A_text_that_is_not_understood_tells_the_schemas_that_it_names(string sql, string expected) =>
        Assert.Contains(expected, Describe.Scan(sql, Describe.MySql).Qualifiers);

    [Theory]
    [InlineData("UPDATE shop.t SET a = 'é'")]
    [InlineData("UPDATE `shop`.`t` SET a = 'é'")]
    [InlineData("USE `shop`; UPDATE t SET a = 'é'")]
    public void So_does_one_in_a_character_set_whose_bytes_cannot_be_read(string sql)
    {
        var info = Describe.Scan(sql, Describe.MySql with { AsciiUnsafeCharacterSet = true });
        Assert.Equal(StatementKind.Unknown, info.Kind);
        Assert.Equal("shop", Assert.Single(info.Qualifiers));
    }

    [Theory]
    [InlineData("SELECT * FROM t WHERE a = 'x]'")]
    [InlineData("DELETE FROM t^u")]
    [InlineData("SELECT a~b FROM `t|u`")]
    [InlineData(@"UPDATE t SET a = '\'' WHERE b = ' OR 1'")]
    public void So_does_one_with_symbols_that_are_letters_in_its_character_set(string sql)
    {
        Assert.Equal(StatementKind.Unknown, Describe.Scan(sql, Describe.MySql with { SymbolsAreLetters = true }).Kind);
        Assert.True(Describe.Scan("SET NAMES latin1", Describe.MySql with { SymbolsAreLetters = true }).Has(SessionEffects.SetsNames));
    }

    [Fact]
    public void What_stands_behind_an_executed_text_may_be_in_another_schema_and_read_in_another_way()
    {
        var info = Describe.Scan("EXECUTE s; DELETE FROM t", Describe.MySql);
        Assert.Equal("Multiple(Execute ? {ExecutesPrepared, Opaque} ; Unknown W:t ? {Opaque})", Describe.Line(info));
    }

    [Fact]
    public void Names_are_looked_for_in_time_that_grows_with_the_text()
    {
        foreach (var part in new[] { "$ use ", "*/.", "`.", "use`", "a . ", "if ", "/*", "database if " })
        {
            var info = SqlScanner.Scan(Encoding.UTF8.GetBytes("$" + string.Concat(Enumerable.Repeat(part, 100_000))), Describe.MySql);
            Assert.Equal(StatementKind.Unknown, info.Kind);
        }
    }
}
