namespace Switchyard.Sql.Tests;

public sealed class GateTests
{
    [Fact]
    public void Version_gated_text_counts_where_the_server_reads_it_and_a_read_must_be_plain_to_every_server() => Describe.AssertRows(
        """
        /*!40101 SET NAMES utf8 */ => Set {SetsNames}
        /*!40101 SET NAMES utf8 */; => Set {SetsNames}
        /*!99999 SET NAMES utf8 */ => Empty
        /*! SELECT 1 */ => Select
        /*!40001 SELECT */ * FROM t => Select R:t ?
        SELECT /*!40001 SQL_NO_CACHE */ * FROM t => Select plain R:t
        SELECT * FROM t /*!99999 FOR UPDATE */ => Select L:t
        SELECT * FROM t /*!50000 FOR UPDATE */ => Select L:t
        SELECT 1 /*!99999 ; DROP TABLE u */ => Select W:u
        SELECT * FROM t /*!99999 JOIN u */ => Select plain R:t R:u
        SELECT * FROM t /*!80000 JOIN u */ => Select plain R:t R:u
        SELECT * FROM t /*M! FOR UPDATE */ => Select L:t
        SELECT * FROM t /*!50000 /* inner */ JOIN u */ => Select plain R:t R:u
        SELECT * FROM t /*!99999 /* inner */ JOIN u */ => Select plain R:t R:u
        SELECT 1 /*!50000 /*!50000 , 2 */ */ => Unknown ? {Opaque}
        SELECT 1 /*!50000 , 2 => Unknown ? {Opaque}
        SELECT 1 /*!99999 , 2 => Unknown ? {Opaque}
        /*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1 */ => Ddl W:t ? {ImplicitCommit}
        CREATE TABLE t (a INT /*!80023 INVISIBLE */) /*!50100 PARTITION BY HASH (a) */ => Ddl W:t {ImplicitCommit}
        """,
        Describe.MySql);

    [Fact]
    public void MariaDb_leaves_alone_what_is_meant_for_later_MySql() => Describe.AssertRows(
        """
        /*!50700 SET NAMES utf8 */ => Empty
        /*!80000 SET NAMES utf8 */ => Empty
        /*!40101 SET NAMES utf8 */ => Set {SetsNames}
        /*!100100 SET NAMES utf8 */ => Set {SetsNames}
        /*M!100100 SET NAMES utf8 */ => Set {SetsNames}
        /*M!110000 SET NAMES utf8 */ => Empty
        /*!999999 SET NAMES utf8 */ => Empty
        SELECT 1 /*M!100100 FROM t FOR UPDATE */ => Select L:t
        """,
        Describe.MariaDb);

    [Fact]
    public void Options_decide_what_a_quote_and_a_backslash_are()
    {
        Describe.AssertRows(
            """
            SELECT "a" FROM "t" WHERE "b" = 'from x' => Select plain R:t
            SELECT * FROM "db"."a""b" => Select plain R:db.a"b
            INSERT INTO "t" VALUES ('\'') => Insert W:t
            """,
            Describe.MySql with { AnsiQuotes = true });
        Describe.AssertRows(
            """
            SELECT '\' FROM t WHERE a = '\' => Select plain R:t
            SELECT 'a\\' FROM t => Select plain R:t
            SELECT '\'' FROM t => Unknown ? {Opaque}
            """,
            Describe.MySql with { NoBackslashEscapes = true });
        Describe.AssertRows(
            """
            SELECT COUNT (*) FROM t => Select plain R:t
            """,
            Describe.MySql with { IgnoreSpace = true });
        Describe.AssertRows(
            """
            SELECT 1 FROM t; DELETE FROM t => Unknown(2)
            """.Replace("Unknown(2)", "Unknown W:t ? {Opaque}", StringComparison.Ordinal),
            Describe.MySql with { MultiStatements = false });
        Describe.AssertRows("SELECT 1 FROM t => Select R:t ?", Describe.MariaDb with { OracleMode = true });
        Describe.AssertRows(
            """
            SELECT 'é' FROM t => Unknown ? {Opaque}
            SELECT 'e' FROM t => Select plain R:t
            """,
            Describe.MySql with { AsciiUnsafeCharacterSet = true });
        Describe.AssertRows(
            """
            SELECT JSON_KEYS(j), ABS(a) FROM t => Select R:t ? {CallsStoredFunction}
            SELECT ABS(a), PASSWORD('x') FROM t => Select plain R:t
            """,
            Describe.MySql with { ServerVersion = 50624 });
    }
}
