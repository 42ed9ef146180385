namespace Switchyard.Sql.Tests;

/// <summary>Statements to generate others from.</summary>
internal static class Corpus
{
    /// <summary>None of these may go to a replica, whatever is put around it.</summary>
    public static readonly string[] NeverPlain =
    [
        "INSERT INTO t VALUES (1)", "INSERT INTO t SELECT * FROM u", "REPLACE INTO t (a) VALUES ('x')", "UPDATE t SET a = 1 WHERE b = 2",
        "UPDATE t JOIN u ON t.a = u.a SET t.b = 1", "DELETE FROM t WHERE a = 1", "DELETE a FROM t a JOIN u", "TRUNCATE t", "DROP TABLE t",
        "ALTER TABLE t ADD b INT", "CREATE TABLE t (a INT)", "CREATE TABLE t AS SELECT * FROM u", "RENAME TABLE t TO u", "CALL p(1)", "LOCK TABLES t WRITE",
        "SELECT * FROM t FOR UPDATE", "SELECT * FROM t LOCK IN SHARE MODE", "SELECT * FROM t FOR SHARE", "SELECT GET_LOCK('a', 1)", "SELECT f(1)",
        "SELECT `f`(1)", "SELECT @a := 1", "SELECT a FROM t INTO @b", "SELECT a FROM t INTO OUTFILE '/x'", "SELECT LAST_INSERT_ID()", "SELECT FOUND_ROWS()",
        "SET @a = 1", "SET autocommit = 0", "BEGIN", "COMMIT", "ROLLBACK", "GRANT ALL ON *.* TO u", "LOAD DATA INFILE 'x' INTO TABLE t", "DO GET_LOCK('a', 1)",
        "XA COMMIT 'x'", "KILL 1", "FLUSH TABLES", "WITH c AS (SELECT 1) DELETE FROM t", "WITH c AS (SELECT 1) UPDATE t, c SET t.a = 1",
        "(SELECT * FROM t FOR UPDATE)", "SELECT 1 UNION (SELECT a FROM t FOR UPDATE)", "SELECT (SELECT f(1))", "EXECUTE s", "PREPARE s FROM 'x'", "HANDLER t OPEN",
        "SELECT 1; DELETE FROM t", "EXPLAIN ANALYZE SELECT 1", "SELECT @@read_only", "SELECT SQL_CALC_FOUND_ROWS 1",
    ];

    public static readonly string[] Plain =
    [
        "SELECT 1", "SELECT * FROM t WHERE a = 1 AND b IN (1, 2, 'x') ORDER BY c LIMIT 5", "SELECT a.x, b.y FROM a JOIN b ON a.x = b.x AND b.z = 3, c",
        "SELECT COUNT(*), MAX(a) FROM db.t GROUP BY b HAVING COUNT(*) > 1", "WITH c AS (SELECT a FROM t) SELECT * FROM c JOIN u",
        "(SELECT a FROM t) UNION ALL (SELECT b FROM u) ORDER BY 1", "SELECT * FROM (SELECT * FROM t WHERE a = 'x') d", "VALUES ROW(1, 2)", "TABLE t",
        "SELECT * FROM t PARTITION (p0) USE INDEX (i)", "SELECT CASE a WHEN 1 THEN 'x' ELSE NULL END FROM `t` AS `u`",
        "SELECT DATE_ADD(NOW(), INTERVAL 1 DAY), EXTRACT(YEAR FROM d), x'4142', -1.5e3, 0xFF, N'y' FROM t WHERE a LIKE '%x' ESCAPE '|'",
    ];

    public static readonly string[] Others =
    [
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin, @a = 5", "SET STATEMENT a=1 FOR SELECT 1", "SHOW CREATE TABLE t", "SHOW WARNINGS", "DESC t", "USE db",
        "CREATE DEFINER=`a`@`b` TRIGGER tr BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.a = 1; IF x THEN SELECT 1; END IF; END",
        "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y'), (3, 'z') ON DUPLICATE KEY UPDATE a = VALUES(a)",
        "INSERT INTO t SET a = 1, b = (SELECT MAX(c) FROM u WHERE d IN (1, 2, 3))", "SELECT NEXT VALUE FOR s", "SAVEPOINT a", "ROLLBACK TO a",
        "SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a INT PATH '$')) j", "/*!40101 SET NAMES utf8 */", "SELECT /*+ BKA(t) */ 1 /* c */ -- d",
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p (b), RENAME TO u", "GET DIAGNOSTICS @a = NUMBER", "USE a; SELECT * FROM t; SET sql_mode = 'x'; SELECT 1",
    ];

    /// <summary>Reads of several of the tables t, u, a, b, c and d, which all have the columns a, b, c, d, x, y and z.</summary>
    public static readonly string[] ManyTables =
    [
        "SELECT t.a FROM t, u WHERE t.a = u.a AND EXISTS (SELECT 1 FROM a WHERE a.x = t.x)", "SELECT * FROM (t JOIN u ON t.a = u.a), (a, b) LIMIT 1",
        "SELECT t.a FROM t LEFT JOIN (u JOIN a ON u.a = a.a) ON t.a = u.a, b", "SELECT (SELECT MAX(a) FROM u) FROM t UNION SELECT a FROM b UNION (SELECT a FROM c) LIMIT 2",
        "WITH c AS (SELECT a FROM t), u AS (SELECT a FROM c) SELECT * FROM u, d, c AS e", "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r, u",
        "SELECT * FROM (SELECT a FROM t WHERE b IN (SELECT b FROM u)) AS c, d", "SELECT CASE WHEN t.a IN (SELECT b FROM c) THEN 1 ELSE (SELECT x FROM d LIMIT 1) END FROM t",
        "SELECT LEFT(t.a, 1), RIGHT(u.b, 2) FROM t JOIN u ON LEFT(t.a, 1) = RIGHT(u.b, 1), a", "SELECT t.a FROM t STRAIGHT_JOIN u ON t.a = u.a NATURAL JOIN b CROSS JOIN c",
        "SELECT a FROM t GROUP BY a HAVING a > (SELECT MIN(b) FROM u) ORDER BY (SELECT c FROM d LIMIT 1)", "SELECT 1.FROM t WHERE a=.5AND b IN(SELECT 1e0FROM u)",
        "SELECT EXTRACT(YEAR FROM a), TRIM(BOTH 'x' FROM b) FROM t, u", "(SELECT a FROM t) UNION ALL (SELECT b FROM u ORDER BY (SELECT a FROM b LIMIT 1) LIMIT 1) LIMIT 3",
        "SELECT t.a AS 'from u' FROM t AS used, u ignored", "SELECT {d '2020-01-01'}, (SELECT 1 FROM c) FROM {OJ t LEFT OUTER JOIN u ON t.a = u.a}",
    ];

    public static IEnumerable<string> All => [.. NeverPlain, .. Plain, .. Others];

    public static readonly ScanOptions[] Options =
    [
        default, Describe.MySql, Describe.MariaDb, Describe.MySql with { AnsiQuotes = true }, Describe.MySql with { NoBackslashEscapes = true },
        Describe.MariaDb with { MultiStatements = false }, Describe.MySql with { IgnoreSpace = true, ServerVersion = 50624 },
        Describe.MySql with { AsciiUnsafeCharacterSet = true }, Describe.MySql with { HardSpace = 0xA0 }, Describe.MariaDb with { OracleMode = true },
    ];
}
