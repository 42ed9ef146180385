namespace Switchyard.Sql.Tests;

public sealed class ChangeTests
{
    [Fact]
    public void Rows_are_written_where_the_statement_says() => Describe.AssertRows(
        """
        INSERT INTO t VALUES (1) => Insert W:t
        INSERT t VALUES (1), (2) => Insert W:t
        INSERT LOW_PRIORITY IGNORE INTO db.t (a, b) VALUE (1, DEFAULT) => Insert W:db.t
        INSERT INTO t (`values`) VALUES (NOW()) => Insert W:t
        INSERT INTO t () VALUES () => Insert W:t
        INSERT INTO t PARTITION (p0) (a) VALUES (1) => Insert W:t
        INSERT INTO t SET a = 1, b = (SELECT MAX(b) FROM u) => Insert W:t R:u
        INSERT INTO t SELECT * FROM u => Insert W:t R:u
        INSERT INTO t (a) SELECT a FROM t => Insert W:t
        INSERT INTO t (SELECT * FROM u) => Insert W:t R:u
        INSERT INTO t (a) (SELECT a FROM u) UNION (SELECT a FROM v) => Insert W:t R:u R:v
        INSERT INTO t WITH c AS (SELECT * FROM u) SELECT * FROM c => Insert W:t R:u
        INSERT INTO t TABLE u => Insert W:t R:u
        INSERT INTO t VALUES ROW(1, 2), ROW(3, 4) => Insert W:t
        INSERT INTO t VALUES (1) AS new (x) ON DUPLICATE KEY UPDATE a = new.x + 1 => Insert W:t
        INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a), b = LAST_INSERT_ID(b) => Insert W:t {UsesLastInsertId, SetsLastInsertId}
        INSERT INTO t SELECT * FROM u JOIN v ON u.a = v.a ON DUPLICATE KEY UPDATE b = u.b => Insert W:t R:u R:v
        INSERT INTO t SELECT * FROM u ON DUPLICATE KEY UPDATE b = (SELECT 1 FROM w) => Insert W:t R:u R:w
        INSERT INTO t VALUES (f(1)) => Insert W:t ? {CallsStoredFunction}
        INSERT INTO t VALUES (@a, @b := 2) => Insert W:t {SetsUserVariables, UsesUserVariables} @a @b=
        INSERT INTO t SELECT * FROM u FOR UPDATE => Insert W:t L:u
        REPLACE INTO t VALUES (1) => Replace W:t
        REPLACE DELAYED t SET a = REPLACE(a, 'x', 'y') => Replace W:t
        UPDATE t SET a = 1 => Update W:t
        UPDATE LOW_PRIORITY IGNORE db.t AS x SET x.a = 1, b = b + 1 WHERE c IN (SELECT c FROM u) ORDER BY d LIMIT 5 => Update W:db.t R:u
        UPDATE t JOIN u ON t.a = u.a SET t.b = u.b => Update W:t R:u
        UPDATE t x, u y SET x.b = y.b, y.c = 1 => Update W:t W:u
        UPDATE t, u SET b = 1 WHERE t.a = u.a => Update W:t W:u
        UPDATE t, u SET x.b = 1 => Update W:t W:u
        UPDATE t, (SELECT * FROM v) d SET t.b = d.b => Update W:t R:v
        UPDATE db.t, db2.t SET db.t.a = 1 => Update W:db.t R:db2.t
        UPDATE (t JOIN u) SET t.a = 1 => Update W:t R:u
        UPDATE t SET `set` = 1 WHERE a = 'x' => Update W:t
        UPDATE t PARTITION (p0) SET a = 1 => Update W:t
        WITH c AS (SELECT * FROM u) UPDATE t JOIN c ON t.a = c.a SET t.b = 1 => Update R:u W:t
        DELETE FROM t => Delete W:t
        DELETE QUICK IGNORE FROM t WHERE a = 1 ORDER BY b LIMIT 1 => Delete W:t
        DELETE FROM db.t AS x WHERE x.a = 1 => Delete W:db.t
        DELETE FROM t PARTITION (p0) WHERE a = 1 => Delete W:t
        DELETE FROM t WHERE a IN (SELECT a FROM u) => Delete W:t R:u
        DELETE a FROM t a JOIN u b ON a.x = b.x => Delete W:t R:u
        DELETE t FROM t JOIN u => Delete W:t R:u
        DELETE a, b FROM t a JOIN u b JOIN v c => Delete W:t W:u R:v
        DELETE a.*, db.u.* FROM t AS a, db.u WHERE 1 => Delete W:t W:db.u
        DELETE FROM a USING t AS a JOIN u AS b ON a.x = b.x => Delete W:t R:u
        DELETE FROM t, u USING t JOIN u JOIN v => Delete W:t W:u R:v
        DELETE A FROM t a JOIN u => Delete W:t R:u
        WITH c AS (SELECT a FROM u) DELETE t FROM t JOIN c => Delete R:u W:t
        WITH t AS (SELECT 1) DELETE FROM t => Delete W:t
        DELETE FROM t, u => Unknown R:t ? {Opaque}
        TRUNCATE TABLE t => Truncate W:t {ImplicitCommit}
        TRUNCATE db.t => Truncate W:db.t {ImplicitCommit}
        LOAD DATA INFILE '/x' INTO TABLE t => LoadData W:t
        LOAD DATA LOW_PRIORITY LOCAL INFILE 'x' REPLACE INTO TABLE db.t CHARACTER SET utf8 FIELDS TERMINATED BY ',' LINES TERMINATED BY '\r' IGNORE 1 LINES (a, @b, c) SET d = UPPER(@b), e = (SELECT 1 FROM u) => LoadData W:db.t R:u {SetsUserVariables, UsesUserVariables, LoadsLocalFile} @b=
        LOAD XML LOCAL INFILE 'x' INTO TABLE t ROWS IDENTIFIED BY '<r>' => LoadData W:t {LoadsLocalFile}
        CALL p() => Call ? {CallsProcedure}
        CALL db.p(1, @a, f(2)) => Call ? {SetsUserVariables, UsesUserVariables, CallsProcedure, CallsStoredFunction} @a=
        DO SLEEP(1) => Do
        DO RELEASE_LOCK('x'), @a := 1 => Do {SetsUserVariables, UsesUserVariables, ReleasesNamedLock} @a=
        HANDLER t OPEN AS h => Handler R:t {OpensHandler}
        HANDLER h READ NEXT WHERE a = 1 => Handler ?
        HANDLER h CLOSE => Handler {ClosesHandler}
        INSERT INTO (t) VALUES (1) => Unknown ? {Opaque}
        """,
        Describe.MySql);

    [Fact]
    public void Definitions_name_every_table_they_touch() => Describe.AssertRows(
        """
        CREATE TABLE t (id INT PRIMARY KEY, b VARCHAR(10) DEFAULT ('x'), KEY k (b), CHECK (b > 1)) ENGINE=InnoDB => Ddl W:t {ImplicitCommit}
        CREATE TABLE IF NOT EXISTS db.t (a INT REFERENCES p (a), FOREIGN KEY (a) REFERENCES db2.q (a) ON DELETE CASCADE ON UPDATE SET NULL) => Ddl W:db.t R:p R:db2.q {ImplicitCommit}
        CREATE TABLE t LIKE u => Ddl W:t R:u {ImplicitCommit}
        CREATE TABLE t (LIKE db.u) => Ddl W:t R:db.u {ImplicitCommit}
        CREATE TABLE t AS SELECT * FROM u JOIN v => Ddl W:t R:u R:v {ImplicitCommit}
        CREATE TABLE t (a INT) ENGINE=InnoDB IGNORE SELECT a FROM u => Ddl W:t R:u {ImplicitCommit}
        CREATE TABLE t AS (SELECT a FROM u) UNION (SELECT a FROM v) => Ddl W:t R:u R:v {ImplicitCommit}
        CREATE TABLE t AS WITH c AS (SELECT * FROM u) SELECT * FROM c => Ddl W:t R:u {ImplicitCommit}
        CREATE TABLE t (a INT) ENGINE=MERGE UNION=(u, v) => Ddl W:t ? {ImplicitCommit}
        CREATE TABLE t AS SELECT f(1) => Ddl W:t ? {ImplicitCommit, CallsStoredFunction}
        CREATE TEMPORARY TABLE t (a INT) => Ddl W:t {CreatesTemporaryTable}
        CREATE TEMPORARY TABLE IF NOT EXISTS t SELECT * FROM u => Ddl W:t R:u {CreatesTemporaryTable}
        CREATE UNIQUE INDEX i USING BTREE ON t (a, b(10)) => Ddl W:t {ImplicitCommit}
        CREATE FULLTEXT INDEX i ON db.t (a) WITH PARSER ngram => Ddl W:db.t {ImplicitCommit}
        CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`root`@`%` SQL SECURITY INVOKER VIEW v (a) AS SELECT a FROM t WITH CASCADED CHECK OPTION => Ddl W:v R:t {ImplicitCommit}
        CREATE DEFINER=root@localhost VIEW v AS SELECT * FROM t => Ddl W:v R:t {ImplicitCommit}
        CREATE DEFINER='a'@'b' TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1 => Ddl W:t ? {ImplicitCommit}
        CREATE TRIGGER tr AFTER UPDATE ON t FOR EACH ROW BEGIN IF a THEN UPDATE u SET x=1; ELSE CASE a WHEN 1 THEN SELECT 1; END CASE; END IF; END; SELECT 1 => Multiple(Ddl W:t ? {ImplicitCommit} ; Select plain)
        CREATE PROCEDURE p(IN a INT) BEGIN DECLARE x INT; WHILE a DO SET a = CASE WHEN a THEN 1 ELSE 0 END; END WHILE; l: LOOP LEAVE l; END LOOP; END => Ddl ? {ImplicitCommit}
        CREATE PROCEDURE p() SELECT begin FROM t; DELETE FROM u; SELECT end FROM t => Multiple(Ddl ? {ImplicitCommit} ; Delete W:u ; Select plain R:t)
        CREATE PROCEDURE p() BEGIN (SELECT 1); END; DELETE FROM u => Multiple(Ddl ? {ImplicitCommit} ; Delete W:u)
        CREATE FUNCTION f() RETURNS INT RETURN 5; SELECT 1 FROM t => Multiple(Ddl ? {ImplicitCommit} ; Select plain R:t)
        CREATE EVENT e ON SCHEDULE EVERY 1 HOUR DO DELETE FROM t => Ddl ? {ImplicitCommit}
        CREATE DATABASE d => Ddl ? {ImplicitCommit}
        CREATE USER u@localhost IDENTIFIED BY 'x' => GrantLike {ImplicitCommit}
        ALTER TABLE t ADD COLUMN a INT AFTER b, ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES p (id) => Ddl W:t R:p {ImplicitCommit}
        ALTER TABLE db.t RENAME TO db.u => Ddl W:db.t W:db.u {ImplicitCommit}
        ALTER TABLE t RENAME u, ALGORITHM=INPLACE => Ddl W:t W:u {ImplicitCommit}
        ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX i TO j => Ddl W:t {ImplicitCommit}
        ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u => Ddl W:t W:u {ImplicitCommit}
        ALTER ONLINE TABLE t DROP COLUMN a => Ddl W:t {ImplicitCommit}
        ALTER VIEW v AS SELECT * FROM u => Ddl W:v R:u {ImplicitCommit}
        ALTER DATABASE d CHARACTER SET utf8mb4 => Ddl ? {ImplicitCommit}
        ALTER USER u IDENTIFIED BY 'x' => GrantLike {ImplicitCommit}
        DROP TABLE t, db.u CASCADE => Ddl W:t W:db.u {DropsTable, ImplicitCommit}
        DROP TEMPORARY TABLE IF EXISTS t => Ddl W:t {DropsTemporaryTable}
        DROP VIEW IF EXISTS v => Ddl W:v {ImplicitCommit}
        DROP INDEX `PRIMARY` ON t => Ddl W:t {ImplicitCommit}
        DROP DATABASE d => Ddl ? {ImplicitCommit}
        DROP TRIGGER tr => Ddl ? {ImplicitCommit}
        DROP USER a, b => GrantLike {ImplicitCommit}
        DROP PREPARE s => Deallocate {DeallocatesPrepared}
        RENAME TABLE a TO b, c.d TO e.f => Ddl W:a W:b W:c.d W:e.f {ImplicitCommit}
        RENAME USER a TO b => GrantLike {ImplicitCommit}
        GRANT SELECT ON db.* TO u@'%' => GrantLike {ImplicitCommit}
        REVOKE ALL ON t FROM u => GrantLike {ImplicitCommit}
        """,
        Describe.MySql);
}
