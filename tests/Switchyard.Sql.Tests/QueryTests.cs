namespace Switchyard.Sql.Tests;

public sealed class QueryTests
{
    [Fact]
    public void Plain_reads_are_told_with_their_tables() => Describe.AssertRows(
        """
        SELECT 1 => Select plain
        select 1 from dual => Select plain
        SELECT * FROM t => Select plain R:t
        SELECT * FROM db.t => Select plain R:db.t
        SELECT * FROM `db`.`t` AS x => Select plain R:db.t
        SELECT * FROM `a``b` => Select plain R:a`b
        SELECT * FROM .t => Select plain R:t
        SELECT * FROM db . t => Select plain R:db.t
        SELECT * FROM db.1t => Select plain R:db.1t
        SELECT * FROM 2020_log => Select plain R:2020_log
        SELECT * FROM db.select => Select plain R:db.select
        SELECT * FROM tbl WHERE `from` = 'from x' => Select plain R:tbl
        SELECT .5 FROM t => Select plain R:t
        SELECT 1e5FROM t => Select plain R:t
        SELECT 1.5FROM t => Select plain R:t
        SELECT 1.FROM t => Select plain R:t
        SELECT 0x41FROM t => Select plain
        SELECT 1FROM t => Select plain
        SELECT a.from FROM t a => Select plain R:t
        SELECT "a from b", 'it''s', 'it\'s from c' FROM t => Select plain R:t
        SELECT _utf8mb4'x' COLLATE utf8mb4_bin, N'y', x'4142', b'01', 0xFF, 0b11, \N FROM t => Select plain R:t
        SELECT DISTINCT a, COUNT(*) FROM t GROUP BY a WITH ROLLUP HAVING COUNT(*) > 1 ORDER BY 2 LIMIT 5, 10 => Select plain R:t
        SELECT SQL_NO_CACHE HIGH_PRIORITY STRAIGHT_JOIN a FROM t => Select plain R:t
        SELECT a FROM t LIMIT ? OFFSET ? => Select plain R:t
        SELECT * FROM a, b, c => Select plain R:a R:b R:c
        SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (y), d => Select plain R:a R:b R:c R:d
        SELECT * FROM a NATURAL LEFT OUTER JOIN b CROSS JOIN c INNER JOIN d => Select plain R:a R:b R:c R:d
        SELECT * FROM a STRAIGHT_JOIN b ON a.x=b.x => Select plain R:a R:b
        SELECT * FROM a JOIN b ON LEFT(a.x, 3) = RIGHT(b.x, 3), c => Select plain R:a R:b R:c
        SELECT * FROM a LEFT JOIN (b, c JOIN d) ON a.x = d.x => Select plain R:a R:b R:c R:d
        SELECT * FROM ((a, (b)), c) => Select plain R:a R:b R:c
        SELECT * FROM (a JOIN b JOIN c ON 1 ON 2) => Select plain R:a R:b R:c
        SELECT * FROM {OJ a LEFT OUTER JOIN b ON a.x = b.x} => Select plain R:a R:b
        SELECT {d '2020-01-01'}, {fn NOW()} FROM t => Select plain R:t
        SELECT * FROM t PARTITION (p0, p1) AS x USE INDEX (i) IGNORE INDEX FOR ORDER BY (j), u => Select plain R:t R:u
        SELECT * FROM t FORCE KEY FOR JOIN (PRIMARY) WHERE a=1 => Select plain R:t
        SELECT * FROM t WINDOW w AS (PARTITION BY a ORDER BY b) => Select plain R:t
        SELECT ROW_NUMBER() OVER (PARTITION BY a ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t => Select plain R:t
        SELECT a FROM t WHERE b = (SELECT MAX(b) FROM u WHERE u.a = t.a) => Select plain R:t R:u
        SELECT a, (SELECT b FROM u LIMIT 1) FROM t => Select plain R:u R:t
        SELECT * FROM t WHERE a IN (SELECT a FROM u) AND EXISTS (SELECT 1 FROM v) => Select plain R:t R:u R:v
        SELECT * FROM t WHERE a IN (TABLE u) => Select plain R:t R:u
        SELECT * FROM t WHERE (a, b) IN (VALUES ROW(1, 2)) => Select plain R:t
        SELECT * FROM (SELECT * FROM u) AS d, t => Select plain R:u R:t
        SELECT * FROM (SELECT * FROM u) d (x, y) JOIN t => Select plain R:u R:t
        SELECT * FROM (VALUES ROW(1), ROW(2)) AS v (a), t => Select plain R:t
        SELECT * FROM (TABLE u) AS v => Select plain R:u
        SELECT * FROM ((SELECT a FROM u) UNION (SELECT a FROM v) ORDER BY 1 LIMIT 3) AS d => Select plain R:u R:v
        SELECT * FROM t, LATERAL (SELECT * FROM u WHERE u.a = t.a) AS l => Select plain R:t R:u
        SELECT * FROM t, JSON_TABLE(t.j, '$[*]' COLUMNS(id FOR ORDINALITY, a VARCHAR(10) PATH '$.a' DEFAULT '0' ON EMPTY, NESTED PATH '$.b[*]' COLUMNS (c INT PATH '$'))) AS jt, u => Select plain R:t R:u
        SELECT a FROM t UNION ALL SELECT a FROM u => Select plain R:t R:u
        SELECT a FROM t UNION DISTINCT (SELECT a FROM u) ORDER BY a LIMIT 1 => Select plain R:t R:u
        (SELECT a FROM t) INTERSECT (SELECT a FROM u) EXCEPT SELECT a FROM v => Select plain R:t R:u R:v
        ((SELECT a FROM t) UNION (SELECT a FROM u)) LIMIT 1 => Select plain R:t R:u
        (SELECT 1) => Select plain
        (((SELECT * FROM t))) => Select plain R:t
        SELECT ((SELECT 1) UNION (SELECT a FROM t)) FROM u => Select plain R:t R:u
        WITH c AS (SELECT * FROM t) SELECT * FROM c => Select plain R:t
        WITH c AS (SELECT * FROM t), d (x) AS (SELECT * FROM c JOIN u) SELECT * FROM c JOIN d => Select plain R:t R:u
        WITH t AS (SELECT * FROM t) SELECT * FROM t => Select plain R:t
        WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r => Select plain
        WITH RECURSIVE r AS (SELECT id FROM t UNION ALL SELECT u.id FROM u JOIN r) SELECT * FROM r => Select plain R:t R:u
        WITH c AS (SELECT 1) SELECT * FROM db.c => Select plain R:db.c
        WITH c AS (SELECT 1) SELECT * FROM (SELECT * FROM c) d => Select plain
        WITH c AS (SELECT 1) SELECT * FROM C => Select plain R:C
        SELECT * FROM (WITH c AS (SELECT * FROM t) SELECT * FROM c) d, c => Select plain R:t R:c
        SELECT (WITH c AS (SELECT a FROM t) SELECT * FROM c) FROM c => Select plain R:t R:c
        WITH c AS (SELECT 1) (SELECT * FROM c) UNION SELECT * FROM t => Select plain R:t
        VALUES ROW(1, 2), ROW(3, 4) ORDER BY 1 => Values plain
        TABLE t => Table plain R:t
        TABLE db.t ORDER BY a LIMIT 3 => Table plain R:db.t
        TABLE t UNION TABLE u => Table plain R:t R:u
        SELECT CASE WHEN a THEN 1 ELSE 2 END, IF(a, b, c), INTERVAL(1, 2), CAST(a AS CHAR(10) CHARACTER SET utf8mb4), CONVERT(a USING latin1) FROM t => Select plain R:t
        SELECT EXTRACT(YEAR FROM d), TRIM(LEADING 'x' FROM s), SUBSTRING(s FROM 2 FOR 3), POSITION('a' IN s) FROM t => Select plain R:t
        SELECT GROUP_CONCAT(DISTINCT a ORDER BY b SEPARATOR ','), DATE_ADD(d, INTERVAL 1 DAY), NOW(), SLEEP(0), UUID(), RAND() FROM t => Select plain R:t
        SELECT MATCH (a, b) AGAINST ('x' WITH QUERY EXPANSION) FROM t => Select plain R:t
        SELECT j->'$.a', j->>'$.b', JSON_EXTRACT(j, '$'), 1 MEMBER OF (j) FROM t => Select plain R:t
        SELECT a = ANY (SELECT b FROM u), NOT (a), a LIKE ('x') ESCAPE '|' FROM t => Select plain R:u R:t
        SELECT * FROM t WHERE a = 5--3 => Select plain R:t
        SELECT * FROM t use => Unknown R:t ? {Opaque}
        SELECT * FROM t WHERE `select` = "update" => Select plain R:t
        SELECT COUNT(*) FROM user, role, status, data, begin, value => Select plain R:user R:role R:status R:data R:begin R:value
        SELECT time, date, user, password, next, end FROM t => Select plain R:t
        SELECT a AS 'x y', b 'z' FROM t => Select plain R:t
        SELECT * FROM a JOIN b ON duplicate = 1, c => Select plain R:a R:b R:c
        SELECT * FROM a JOIN b ON window = 1, c => Select plain R:a R:b R:c
        SELECT * FROM ü WHERE ö = 1 => Select plain R:ü
        SELECT name FROM t;  => Select plain R:t
        ;;SELECT 1;; => Select plain
        """,
        Describe.MySql);

    [Fact]
    public void Comments_and_space_change_nothing() => Describe.AssertRows(
        """
        SELECT/* app:web */* FROM/**/t -- the end => Select plain R:t
        /* first */ SELECT 1 FROM t # end => Select plain R:t
        -- before\nSELECT 1 FROM t => Select plain R:t
        --\tbefore\nSELECT 1 FROM t => Select plain R:t
        # before\nSELECT 1 -- x\nFROM t => Select plain R:t
        SELECT 1 /* ; DROP TABLE u */ FROM t => Select plain R:t
        SELECT /*+ MAX_EXECUTION_TIME(1000) */ * FROM t => Select plain R:t hints
        SELECT /*+ SET_VAR(a='b') QB_NAME(`c`) */ * FROM t => Select plain R:t hints
        SELECT /*+ SET_VAR(a='*/ 1 FROM t -- ') */ 2 FROM u => Unknown ? {Opaque}
        SELECT /* unterminated => Unknown ? {Opaque}
        SELECT 'unterminated => Unknown ? {Opaque}
        SELECT `unterminated => Unknown ? {Opaque}
        ; => Empty
        -- nothing => Empty
        /* nothing */ => Empty
        """,
        Describe.MySql);

    [Fact]
    public void What_a_replica_must_not_answer_is_no_plain_read() => Describe.AssertRows(
        """
        SELECT * FROM t FOR UPDATE => Select L:t
        SELECT * FROM t a, u FOR UPDATE OF a SKIP LOCKED => Select L:t L:u
        SELECT * FROM t FOR SHARE NOWAIT => Select L:t
        SELECT * FROM t LOCK IN SHARE MODE => Select L:t
        SELECT * FROM t WHERE a IN (SELECT a FROM u FOR UPDATE) => Select R:t L:u
        (SELECT * FROM t FOR UPDATE) UNION SELECT * FROM u => Select L:t R:u
        (SELECT * FROM t) FOR UPDATE => Select L:t
        SELECT * FROM t INTO OUTFILE '/tmp/x' FIELDS TERMINATED BY ',' => Select R:t {WritesServerFile}
        SELECT a INTO DUMPFILE '/tmp/x' FROM t => Select R:t {WritesServerFile}
        SELECT a, b INTO @x, @y FROM t => Select R:t {SetsUserVariables, UsesUserVariables} @x= @y=
        SELECT a FROM t INTO @x => Select R:t {SetsUserVariables, UsesUserVariables} @x=
        SELECT @x => Select {UsesUserVariables} @x
        SELECT @X, @`a b`, @'c''d', @e.f$ FROM t => Select R:t {UsesUserVariables} @x @a b @c'd @e.f$
        SELECT @n := @n + 1 FROM t => Select R:t {SetsUserVariables, UsesUserVariables} @n=
        SELECT @@version => Select {AsksServerIdentity}
        SELECT @@global.read_only, @@session.`sql_mode` => Select {AsksServerIdentity}
        SELECT @@identity => Select {UsesLastInsertId, AsksServerIdentity}
        SELECT @@warning_count => Select {ReadsDiagnostics, AsksServerIdentity}
        SELECT LAST_INSERT_ID() => Select {UsesLastInsertId}
        SELECT LAST_INSERT_ID(5) => Select {UsesLastInsertId, SetsLastInsertId}
        SELECT FOUND_ROWS(), ROW_COUNT() => Select {ReadsDiagnostics}
        SELECT trace FROM information_schema.OPTIMIZER_TRACE => Select R:information_schema.OPTIMIZER_TRACE {ReadsDiagnostics}
        SELECT SQL_CALC_FOUND_ROWS * FROM t LIMIT 1 => Select R:t {CalculatesFoundRows}
        SELECT GET_LOCK('a', 1) => Select {TakesNamedLock}
        SELECT IF(GET_LOCK('a', 1), RELEASE_LOCK('b'), 0) FROM t => Select R:t {TakesNamedLock, ReleasesNamedLock}
        SELECT RELEASE_ALL_LOCKS() => Select {ReleasesNamedLock}
        SELECT IS_FREE_LOCK('a') => Select {InspectsNamedLock}
        SELECT CONNECTION_ID(), VERSION() => Select {AsksServerIdentity}
        SELECT f(a) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT `f`(a) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT db.abs(a) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT `db`.`f`(a) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT db . abs(a), `db` . abs(a), db. abs(a), db .abs(a) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT NOW () FROM t => Select R:t ? {CallsStoredFunction}
        SELECT ABS (a), DATE_FORMAT (a, 'x'), RANK () OVER (ORDER BY a), f FROM t => Select plain R:t
        SELECT a FROM t WHERE f(a) => Select R:t ? {CallsStoredFunction}
        SELECT * FROM a JOIN b ON f(a.x) = b.x => Select R:a R:b ? {CallsStoredFunction}
        SELECT a FROM t PROCEDURE ANALYSE(10) => Select R:t ? {CallsStoredFunction}
        SELECT * FROM (a x SYSTEM, b) => Unknown R:a ? {Opaque}
        SELECT * FROM (a TABLESAMPLE SYSTEM (10), b) => Unknown R:a ? {Opaque}
        SELECT * FROM fn(1) => Unknown ? {Opaque}
        SELECT 1 FROM t; DELETE FROM u => Multiple(Select plain R:t ; Delete W:u)
        SELECT NEXTVAL(s) => Select ? {CallsStoredFunction}
        SELECT $$ ; DROP TABLE t $$ => Unknown ? {Opaque}
        SELECT 1 INTO x => Select
        """,
        Describe.MySql);

    [Fact]
    public void MariaDb_has_forms_of_its_own() => Describe.AssertRows(
        """
        SELECT NEXTVAL(s), LASTVAL(db.s), SETVAL(s, 5, 1) => Select W:s W:db.s {UsesSequence}
        SELECT DEFAULT(a) FROM t => Select R:t {UsesSequence}
        SELECT t.a LIKE 'x' ESCAPE ('|'), MATCH (a) AGAINST ('x') FROM t, JSON_TABLE('[]', '$' COLUMNS (a INT PATH '$')) j => Select plain R:t
        SELECT escape('x'), columns(1), against(2) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT POINT(1) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT RANK() OVER (ORDER BY a), DATE_FORMAT(a, 'x'), JSON_ARRAYAGG(a) FROM t => Select plain R:t
        SELECT RANK () OVER (ORDER BY a) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT DATE_FORMAT (a, 'x') FROM t => Select R:t ? {CallsStoredFunction}
        SELECT JSON_ARRAYAGG (a) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT * FROM `#mysql50#t` => Select R:#mysql50#t ?
        SELECT NEXT VALUE FOR s, PREVIOUS VALUE FOR db.s => Select W:s W:db.s {UsesSequence}
        SELECT s.nextval FROM t => Select R:t ? {UsesSequence}
        SELECT * FROM t FOR SYSTEM_TIME AS OF TIMESTAMP '2020-01-01' AS x, u => Select plain R:t R:u
        SELECT * FROM t FOR SYSTEM_TIME BETWEEN '2020-01-01' AND NOW() WHERE a => Select plain R:t
        SELECT * FROM t FOR SYSTEM_TIME ALL x JOIN u ON x.a = u.a => Select plain R:t R:u
        SELECT * FROM t LIMIT ROWS EXAMINED 10 => Select plain R:t
        SELECT * FROM t ORDER BY a OFFSET 1 ROWS FETCH FIRST 5 ROWS WITH TIES => Select plain R:t
        SELECT * FROM t FOR UPDATE WAIT 5 => Select L:t
        SELECT JSON_DETAILED(j), NVL(a, b), MEDIAN(a) OVER (PARTITION BY b) FROM t => Select plain R:t
        SELECT BIN_TO_UUID(a) FROM t => Select R:t ? {CallsStoredFunction}
        SELECT SFORMAT('{}', a) FROM t => Select plain R:t
        WITH RECURSIVE c AS (SELECT a, b FROM t UNION SELECT t.a, t.b FROM t JOIN c) CYCLE a, b RESTRICT SELECT * FROM c => Select plain R:t
        VALUES (1, 2), (3, 4) => Values plain
        SET STATEMENT max_statement_time=10 FOR SELECT * FROM t => Select R:t
        SET STATEMENT max_statement_time=10, sort_buffer_size=5 FOR DELETE FROM t => Delete W:t
        ANALYZE FORMAT=JSON SELECT * FROM t => Explain R:t
        ANALYZE UPDATE t SET a=1 => Explain W:t
        ANALYZE DELETE FROM t => Explain W:t
        DELETE HISTORY FROM t BEFORE SYSTEM_TIME '2020-01-01' => Delete W:t
        DELETE FROM t FOR PORTION OF p FROM '2020-01-01' TO '2021-01-01' => Delete W:t
        UPDATE t FOR PORTION OF p FROM '2020-01-01' TO '2021-01-01' SET a=1 => Update W:t
        INSERT INTO t VALUES (1) RETURNING id, (SELECT MAX(a) FROM u) => Insert W:t R:u
        DELETE FROM t WHERE a=1 RETURNING id => Delete W:t
        REPLACE INTO t SELECT * FROM u RETURNING a => Replace W:t R:u
        EXECUTE IMMEDIATE 'DROP TABLE t' => Execute ? {ExecutesPrepared, Opaque}
        BEGIN NOT ATOMIC SELECT 1; SET @x = 5; END => Unknown ? {SetsUserVariables, UsesUserVariables, BeginsTransaction, ImplicitCommit, Opaque} @x=
        CREATE OR REPLACE SEQUENCE s START WITH 5 => Ddl W:s {ImplicitCommit}
        DROP TABLE IF EXISTS t WAIT 5 => Ddl W:t {DropsTable, ImplicitCommit}
        RENAME TABLE IF EXISTS a WAIT 5 TO b => Ddl W:a W:b {ImplicitCommit}
        TRUNCATE t NOWAIT => Truncate W:t {ImplicitCommit}
        ALTER TABLE t CONVERT PARTITION p0 TO TABLE u => Ddl W:t W:u {ImplicitCommit}
        BACKUP STAGE START => Admin ? {LocksTables, ImplicitCommit}
        KILL SOFT QUERY 5 => Kill kill:query 5@16+1
        KILL USER app => Kill kill:user app
        KILL HARD CONNECTION USER 'app''s'; => Kill kill:user app's
        KILL QUERY USER `app` => Kill kill:query user app
        KILL USER app@localhost => Kill kill:user app@
        KILL USER 'app'@'10.%' => Kill kill:user app@
        KILL QUERY ID 5 => Kill
        """,
        Describe.MariaDb);

    [Fact]
    public void The_hard_space_of_an_eight_bit_character_set_stands_between_words()
    {
        var latin1 = Describe.MySql with { HardSpace = 0xA0 };
        Assert.Equal("Select plain R:t R:u", Latin1("SELECT\u00a01\u00a0FROM\u00a0t\u00a0JOIN u", latin1));
        Assert.Equal("Delete W:t", Latin1("DELETE\u00a0FROM t", latin1));
        Assert.Equal("Select R:t {UsesUserVariables} @a", Latin1("SELECT @a\u00a0FROM t", latin1));
        Assert.Equal("Select plain R:t", Latin1("SELECT 1 --\u00a0FROM u\nFROM t", latin1));
        Assert.Equal("Select plain R:t", Latin1("SELECT gr\u00f6\u00dfe, '\u00a0' FROM t", latin1));
        Assert.Equal("Select plain R:t", Describe.Line(Describe.Scan("SELECT gr\u00f6\u00dfe, a\u00a0 FROM t", Describe.MySql)));
    }

    [Fact]
    public void Names_are_read_in_the_clients_character_set()
    {
        var latin1 = Describe.MySql with { Encoding = System.Text.Encoding.Latin1 };
        var use = SqlScanner.Scan(System.Text.Encoding.Latin1.GetBytes("USE caf\u00e9"), latin1);
        Assert.Equal("caf\u00e9", use.UseSchema);
        Assert.Equal("Insert W:caf\u00e9.t", Latin1("INSERT INTO caf\u00e9.t VALUES (1)", latin1));

        // What UTF-8 would take for one letter is two.
        Assert.Equal("Insert W:\u00c3\u00a9.t", Latin1("INSERT INTO `\u00c3\u00a9`.t VALUES (1)", latin1));
        Assert.Contains("caf\u00e9", SqlScanner.Scan(System.Text.Encoding.Latin1.GetBytes("PREPARE s FROM 'INSERT INTO caf\u00e9.t VALUES (1)'"), latin1).Qualifiers);
        var gbk = System.Text.CodePagesEncodingProvider.Instance.GetEncoding(936)!;
        Assert.Contains("\u4e63", SqlScanner.Scan(gbk.GetBytes("INSERT INTO `\u4e63`.t VALUES (1)"), Describe.MySql with { AsciiUnsafeCharacterSet = true, Encoding = gbk }).Qualifiers);
    }

    private static string Latin1(string sql, ScanOptions options) => Describe.Line(SqlScanner.Scan(System.Text.Encoding.Latin1.GetBytes(sql), options));
}
