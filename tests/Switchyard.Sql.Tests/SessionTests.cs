namespace Switchyard.Sql.Tests;

public sealed class SessionTests
{
    [Fact]
    public void Effects_on_the_session_are_named() => Describe.AssertRows(
        """
        BEGIN => Begin {BeginsTransaction, ImplicitCommit}
        BEGIN WORK => Begin {BeginsTransaction, ImplicitCommit}
        BEGIN SELECT 1 => Unknown ? {BeginsTransaction, ImplicitCommit, Opaque}
        START TRANSACTION => StartTransaction {BeginsTransaction, ImplicitCommit}
        START TRANSACTION READ ONLY => StartTransactionReadOnly {BeginsTransaction, ImplicitCommit}
        START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY => StartTransactionReadOnly {BeginsTransaction, ImplicitCommit, ConsistentSnapshot}
        START TRANSACTION READ WRITE => StartTransaction {BeginsTransaction, ImplicitCommit}
        START SLAVE => Admin ? {ImplicitCommit}
        COMMIT => Commit {EndsTransaction}
        COMMIT WORK AND CHAIN => Commit {BeginsTransaction, EndsTransaction}
        COMMIT AND NO CHAIN RELEASE => Commit {EndsTransaction, ClosesConnection}
        ROLLBACK => Rollback {EndsTransaction}
        ROLLBACK NO RELEASE => Rollback {EndsTransaction}
        SAVEPOINT `a` => Savepoint
        ROLLBACK TO a => RollbackToSavepoint
        ROLLBACK WORK TO SAVEPOINT a => RollbackToSavepoint
        RELEASE SAVEPOINT a => ReleaseSavepoint
        USE db => Use {ChangesSchema} use:db
        USE `a b` => Use {ChangesSchema} use:a b
        LOCK TABLES a READ, b AS x WRITE, c y LOW_PRIORITY WRITE, d READ LOCAL => LockTables L:a W:b W:c L:d {LocksTables, ImplicitCommit}
        LOCK TABLE a WRITE => LockTables W:a {LocksTables, ImplicitCommit}
        LOCK INSTANCE FOR BACKUP => Admin ? {LocksTables}
        UNLOCK TABLES => UnlockTables {UnlocksTables, ImplicitCommit}
        PREPARE s FROM 'SELECT 1' => Prepare ? {PreparesStatement}
        PREPARE s FROM @q => Prepare ? {UsesUserVariables, PreparesStatement} @q
        EXECUTE s USING @a, @b => Execute ? {SetsUserVariables, UsesUserVariables, ExecutesPrepared, Opaque} @a= @b=
        DEALLOCATE PREPARE s => Deallocate {DeallocatesPrepared}
        XA START 'x' => XaStart {BeginsXa}
        XA BEGIN X'01', 'b', 1 JOIN => XaStart {BeginsXa}
        XA END 'x' => XaEnd
        XA PREPARE 'x' => XaPrepare
        XA COMMIT 'x' ONE PHASE => XaCommit {EndsXa}
        XA ROLLBACK 'x' => XaRollback {EndsXa}
        XA RECOVER => XaRecover
        KILL 12 => Kill kill:12@5+2
        KILL  QUERY 12 => Kill kill:query 12@12+2
        KILL CONNECTION 12; => Kill kill:12@16+2
        KILL CONNECTION_ID() => Kill
        KILL 1+1 => Kill
        KILL ? => Kill kill:?@5+1
        KILL QUERY ?; => Kill kill:query ?@11+1
        KILL ?+1 => Kill
        GET DIAGNOSTICS @n = NUMBER => Diagnostics {SetsUserVariables, UsesUserVariables, ReadsDiagnostics} @n=
        SHOW WARNINGS => Show {ReadsDiagnostics}
        SHOW COUNT(*) ERRORS => Show {ReadsDiagnostics}
        SHOW TABLES FROM db LIKE 'x' => Show
        SHOW FULL COLUMNS FROM t FROM db => Show R:db.t
        SHOW INDEX IN db.t WHERE a IN (SELECT 1 FROM u) => Show R:db.t R:u
        SHOW CREATE TABLE db.t => Show R:db.t
        SHOW CREATE PROCEDURE p => Show
        SHOW VARIABLES WHERE Variable_name = 'x' => Show
        SHOW GLOBAL STATUS => Show
        DESC t => Explain R:t
        DESCRIBE db.t col => Explain R:db.t
        EXPLAIN t 'a%' => Explain R:t
        EXPLAIN SELECT * FROM t JOIN u => Explain R:t R:u
        EXPLAIN FORMAT=JSON UPDATE t SET a=1 => Explain W:t
        EXPLAIN ANALYZE SELECT * FROM t => Explain R:t
        EXPLAIN EXTENDED (SELECT 1 FROM t) UNION SELECT 2 FROM u => Explain R:t R:u
        EXPLAIN FORMAT=JSON INTO @x SELECT * FROM t => Explain R:t {SetsUserVariables, UsesUserVariables} @x=
        EXPLAIN FOR SCHEMA db SELECT * FROM t JOIN c.u => Explain R:db.t R:c.u
        EXPLAIN FORMAT=JSON INTO @x FOR DATABASE db DELETE FROM t => Explain W:db.t {SetsUserVariables, UsesUserVariables} @x=
        EXPLAIN FOR CONNECTION 5 => Explain ?
        EXPLAIN DELETE FROM t => Explain W:t
        ANALYZE LOCAL TABLE t, db.u => Admin W:t W:db.u {ImplicitCommit}
        OPTIMIZE TABLE t => Admin W:t {ImplicitCommit}
        CHECK TABLE t FAST => Admin R:t {ImplicitCommit}
        CHECKSUM TABLE t => Admin R:t {ImplicitCommit}
        FLUSH TABLES t, u WITH READ LOCK => Admin R:t R:u {LocksTables, ImplicitCommit}
        FLUSH TABLES WITH READ LOCK => Admin ? {LocksTables, ImplicitCommit}
        FLUSH PRIVILEGES => Admin ? {ImplicitCommit}
        CHANGE MASTER TO MASTER_HOST='x' => Admin ? {ImplicitCommit}
        PURGE BINARY LOGS TO 'x' => Admin ? {ImplicitCommit}
        HELP 'select' => Show
        FOO BAR => Unknown ? {Opaque}
        lbl: LOOP SET @a = 1; END LOOP => Unknown ? {SetsUserVariables, UsesUserVariables, Opaque} @a=
        SIGNAL SQLSTATE '45000' => Unknown ? {Opaque}
        """,
        Describe.MySql);

    [Fact]
    public void Assignments_are_told_by_what_they_assign_to() => Describe.AssertRows(
        """
        SET autocommit=0 => Set {SetsSessionVariables, AutocommitOff} @@autocommit
        SET @@session.autocommit = ON => Set {SetsSessionVariables, AutocommitOn} @@autocommit
        SET AUTOCOMMIT = 'off' => Set {SetsSessionVariables, AutocommitOff} @@autocommit
        SET autocommit = @x => Set {UsesUserVariables, SetsSessionVariables, AutocommitUnknown} @x @@autocommit
        SET autocommit = 1 + 0 => Set {SetsSessionVariables, AutocommitUnknown} @@autocommit
        SET GLOBAL autocommit = 0 => Set {SetsGlobalVariables}
        SET sql_mode = 'ANSI', SESSION time_zone = '+00:00' => Set {SetsSessionVariables} @@sql_mode @@time_zone
        SET @@sql_mode := CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES') => Set {SetsSessionVariables, AsksServerIdentity} @@sql_mode
        SET LOCAL x = DEFAULT => Set {SetsSessionVariables} @@x
        SET GLOBAL a = 1 => Set {SetsGlobalVariables}
        SET GLOBAL a = 1, b = 2 => Set {SetsSessionVariables, SetsGlobalVariables} @@b
        SET GLOBAL a = 1, @@b = 2 => Set {SetsSessionVariables, SetsGlobalVariables} @@b
        SET PERSIST a = 1 => Set {SetsGlobalVariables}
        SET @@persist_only.a = 1 => Set {SetsGlobalVariables}
        SET @a = 1, @b := (SELECT MAX(x) FROM t) => Set R:t {SetsUserVariables, UsesUserVariables} @a= @b=
        SET @a = @b => Set {SetsUserVariables, UsesUserVariables} @a= @b
        SET @a = f(1) => Set ? {SetsUserVariables, UsesUserVariables, CallsStoredFunction} @a=
        SET NAMES utf8mb4 => Set {SetsNames}
        SET NAMES 'utf8mb4' COLLATE 'utf8mb4_bin' => Set {SetsNames}
        SET NAMES DEFAULT => Set {SetsNames}
        SET NAMES utf8, sql_mode = '' => Set {SetsSessionVariables, SetsNames} @@sql_mode
        SET CHARACTER SET utf8 => Set {SetsNames}
        SET CHARSET DEFAULT => Set {SetsNames}
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED => Set {SetsNextTransaction}
        SET TRANSACTION READ ONLY => Set {SetsNextTransaction}
        SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE => Set {SetsSessionVariables} @@transaction_isolation @@transaction_read_only
        SET GLOBAL TRANSACTION READ WRITE => Set {SetsGlobalVariables}
        SET @@transaction_isolation = 'SERIALIZABLE' => Set {SetsNextTransaction}
        SET @@session.transaction_isolation = 'SERIALIZABLE' => Set {SetsSessionVariables} @@transaction_isolation
        SET transaction_isolation = 'SERIALIZABLE' => Set {SetsSessionVariables} @@transaction_isolation
        SET ROLE admin => Set {SetsRole}
        SET ROLE ALL EXCEPT 'x' => Set {SetsRole}
        SET DEFAULT ROLE x TO u => GrantLike {ImplicitCommit}
        SET PASSWORD = 'x' => GrantLike {ImplicitCommit}
        SET PASSWORD FOR u@h = 'x' => GrantLike {ImplicitCommit}
        SET RESOURCE GROUP rg => Set {Opaque}
        SET a.key_buffer_size = 1 => Set {SetsSessionVariables} @@a.key_buffer_size
        SET x => Unknown ? {Opaque}
        SET x = => Unknown ? {SetsSessionVariables, Opaque} @@x
        SET STATEMENT a=1 FOR SET @x = 2 => Set {SetsUserVariables, UsesUserVariables} @x=
        SET sql_mode='ANSI_QUOTES'; SELECT "a" FROM t => Multiple(Set {SetsSessionVariables} @@sql_mode ; Unknown ? {Opaque})
        SET NAMES gbk; SELECT 1 FROM t => Multiple(Set {SetsNames} ; Unknown ? {Opaque})
        USE a; SELECT * FROM t, b.u; USE c; DELETE FROM t => Multiple(Use {ChangesSchema} use:a ; Select plain R:a.t R:b.u ; Use {ChangesSchema} use:c ; Delete W:c.t)
        START TRANSACTION; INSERT INTO t VALUES (1); COMMIT => Multiple(StartTransaction {BeginsTransaction, ImplicitCommit} ; Insert W:t ; Commit {EndsTransaction})
        SELECT 1; SELECT 2 FROM t; => Multiple(Select plain ; Select plain R:t)
        SELECT 1; FOO; DELETE FROM t => Multiple(Select plain ; Unknown ? {Opaque})
        """,
        Describe.MySql);
}
