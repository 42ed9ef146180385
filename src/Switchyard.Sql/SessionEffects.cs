namespace Switchyard.Sql;

/// <summary>What a statement may do to the state of its session, or needs of it. Names are in <see cref="StatementInfo"/>.</summary>
[Flags]
public enum SessionEffects : ulong
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Assigns user variables: <see cref="StatementInfo.AssignedUserVariables"/>.</summary>
    SetsUserVariables = 1UL << 0,

    /// <summary>Mentions user variables: <see cref="StatementInfo.UserVariables"/>.</summary>
    UsesUserVariables = 1UL << 1,

    /// <summary>Sets session system variables: <see cref="StatementInfo.SessionVariables"/>.</summary>
    SetsSessionVariables = 1UL << 2,

    /// <summary>SET NAMES or SET CHARACTER SET.</summary>
    SetsNames = 1UL << 3,

    /// <summary>SET GLOBAL, PERSIST or PERSIST_ONLY.</summary>
    SetsGlobalVariables = 1UL << 4,

    /// <summary>SET TRANSACTION without scope: for the next transaction only.</summary>
    SetsNextTransaction = 1UL << 5,

    /// <summary>SET ROLE.</summary>
    SetsRole = 1UL << 6,

    /// <summary>USE: <see cref="StatementInfo.UseSchema"/>.</summary>
    ChangesSchema = 1UL << 7,

    /// <summary>CREATE TEMPORARY TABLE (or sequence).</summary>
    CreatesTemporaryTable = 1UL << 8,

    /// <summary>DROP TEMPORARY TABLE.</summary>
    DropsTemporaryTable = 1UL << 9,

    /// <summary>DROP TABLE, which drops a temporary table of that name first.</summary>
    DropsTable = 1UL << 10,

    /// <summary>GET_LOCK.</summary>
    TakesNamedLock = 1UL << 11,

    /// <summary>RELEASE_LOCK or RELEASE_ALL_LOCKS.</summary>
    ReleasesNamedLock = 1UL << 12,

    /// <summary>IS_FREE_LOCK or IS_USED_LOCK.</summary>
    InspectsNamedLock = 1UL << 13,

    /// <summary>PREPARE … FROM.</summary>
    PreparesStatement = 1UL << 14,

    /// <summary>EXECUTE of a statement prepared in SQL, or EXECUTE IMMEDIATE.</summary>
    ExecutesPrepared = 1UL << 15,

    /// <summary>DEALLOCATE PREPARE.</summary>
    DeallocatesPrepared = 1UL << 16,

    /// <summary>LOCK TABLES, FLUSH TABLES … WITH READ LOCK or FOR EXPORT, LOCK INSTANCE, BACKUP LOCK.</summary>
    LocksTables = 1UL << 17,

    /// <summary>UNLOCK TABLES, UNLOCK INSTANCE, BACKUP UNLOCK.</summary>
    UnlocksTables = 1UL << 18,

    /// <summary>HANDLER … OPEN.</summary>
    OpensHandler = 1UL << 19,

    /// <summary>HANDLER … CLOSE.</summary>
    ClosesHandler = 1UL << 20,

    /// <summary>Begins a transaction explicitly.</summary>
    BeginsTransaction = 1UL << 21,

    /// <summary>Ends the transaction explicitly.</summary>
    EndsTransaction = 1UL << 22,

    /// <summary>Commits an open transaction as a side effect, before or after doing its work.</summary>
    ImplicitCommit = 1UL << 23,

    /// <summary>Turns autocommit on, which commits an open transaction.</summary>
    AutocommitOn = 1UL << 24,

    /// <summary>Turns autocommit off.</summary>
    AutocommitOff = 1UL << 25,

    /// <summary>Sets autocommit to a value the text does not tell.</summary>
    AutocommitUnknown = 1UL << 26,

    /// <summary>START TRANSACTION WITH CONSISTENT SNAPSHOT.</summary>
    ConsistentSnapshot = 1UL << 27,

    /// <summary>Reads LAST_INSERT_ID(), @@last_insert_id or @@identity.</summary>
    UsesLastInsertId = 1UL << 28,

    /// <summary>LAST_INSERT_ID(expression) gives it a value.</summary>
    SetsLastInsertId = 1UL << 29,

    /// <summary>FOUND_ROWS, ROW_COUNT, SHOW WARNINGS, SHOW ERRORS, GET DIAGNOSTICS, @@warning_count, @@error_count, the optimizer's trace: about the statement before.</summary>
    ReadsDiagnostics = 1UL << 30,

    /// <summary>SQL_CALC_FOUND_ROWS, for a FOUND_ROWS() to come.</summary>
    CalculatesFoundRows = 1UL << 31,

    /// <summary>CALL of a stored procedure.</summary>
    CallsProcedure = 1UL << 32,

    /// <summary>Calls a function that is not known to be built in.</summary>
    CallsStoredFunction = 1UL << 33,

    /// <summary>NEXTVAL, LASTVAL, SETVAL, NEXT VALUE FOR, PREVIOUS VALUE FOR.</summary>
    UsesSequence = 1UL << 34,

    /// <summary>INTO OUTFILE or DUMPFILE: writes a file on the server.</summary>
    WritesServerFile = 1UL << 35,

    /// <summary>LOAD … LOCAL: the server asks the client for a file.</summary>
    LoadsLocalFile = 1UL << 36,

    /// <summary>XA START or XA BEGIN.</summary>
    BeginsXa = 1UL << 37,

    /// <summary>XA COMMIT or XA ROLLBACK (of any branch).</summary>
    EndsXa = 1UL << 38,

    /// <summary>COMMIT or ROLLBACK … RELEASE: the server closes the connection.</summary>
    ClosesConnection = 1UL << 39,

    /// <summary>Asks the server who or what it is: CONNECTION_ID(), VERSION(), system variables.</summary>
    AsksServerIdentity = 1UL << 40,

    /// <summary>May have any effect at all.</summary>
    Opaque = 1UL << 41,
}
