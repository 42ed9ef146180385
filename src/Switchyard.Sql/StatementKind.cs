namespace Switchyard.Sql;

/// <summary>What a statement is.</summary>
public enum StatementKind
{
    /// <summary>Not understood: anything may happen.</summary>
    Unknown,

    /// <summary>Nothing but whitespace and comments.</summary>
    Empty,

    /// <summary>Several statements in one text; see <see cref="StatementInfo.Statements"/>.</summary>
    Multiple,

    /// <summary>SELECT, also in parentheses, with CTEs or set operations.</summary>
    Select,

    /// <summary>A VALUES statement.</summary>
    Values,

    /// <summary>A TABLE statement.</summary>
    Table,

    /// <summary>INSERT.</summary>
    Insert,

    /// <summary>REPLACE.</summary>
    Replace,

    /// <summary>UPDATE.</summary>
    Update,

    /// <summary>DELETE.</summary>
    Delete,

    /// <summary>TRUNCATE.</summary>
    Truncate,

    /// <summary>LOAD DATA or LOAD XML.</summary>
    LoadData,

    /// <summary>CALL.</summary>
    Call,

    /// <summary>DO.</summary>
    Do,

    /// <summary>HANDLER … OPEN, READ or CLOSE.</summary>
    Handler,

    /// <summary>CREATE, ALTER, DROP and RENAME of tables, views, routines, schemas and the like.</summary>
    Ddl,

    /// <summary>Accounts, roles, privileges and passwords.</summary>
    GrantLike,

    /// <summary>ANALYZE, CHECK, OPTIMIZE, REPAIR, FLUSH, replication control, plugins and the like.</summary>
    Admin,

    /// <summary>SET of variables, names, transaction characteristics or role.</summary>
    Set,

    /// <summary>USE.</summary>
    Use,

    /// <summary>SHOW, and HELP.</summary>
    Show,

    /// <summary>EXPLAIN, DESCRIBE, and ANALYZE of a statement.</summary>
    Explain,

    /// <summary>GET DIAGNOSTICS.</summary>
    Diagnostics,

    /// <summary>KILL.</summary>
    Kill,

    /// <summary>BEGIN [WORK].</summary>
    Begin,

    /// <summary>START TRANSACTION that may write.</summary>
    StartTransaction,

    /// <summary>START TRANSACTION READ ONLY.</summary>
    StartTransactionReadOnly,

    /// <summary>COMMIT.</summary>
    Commit,

    /// <summary>ROLLBACK of the whole transaction.</summary>
    Rollback,

    /// <summary>SAVEPOINT.</summary>
    Savepoint,

    /// <summary>ROLLBACK TO SAVEPOINT.</summary>
    RollbackToSavepoint,

    /// <summary>RELEASE SAVEPOINT.</summary>
    ReleaseSavepoint,

    /// <summary>LOCK TABLES.</summary>
    LockTables,

    /// <summary>UNLOCK TABLES.</summary>
    UnlockTables,

    /// <summary>PREPARE … FROM.</summary>
    Prepare,

    /// <summary>EXECUTE, also EXECUTE IMMEDIATE.</summary>
    Execute,

    /// <summary>DEALLOCATE PREPARE or DROP PREPARE.</summary>
    Deallocate,

    /// <summary>XA START or XA BEGIN.</summary>
    XaStart,

    /// <summary>XA END.</summary>
    XaEnd,

    /// <summary>XA PREPARE.</summary>
    XaPrepare,

    /// <summary>XA COMMIT.</summary>
    XaCommit,

    /// <summary>XA ROLLBACK.</summary>
    XaRollback,

    /// <summary>XA RECOVER.</summary>
    XaRecover,
}
