namespace Switchyard.Wire;

/// <summary>First byte of a command packet (COM_*).</summary>
/// <remarks>Values: MySQL <c>enum_server_command</c>; MariaDB adds 0xFA and 0xFE.</remarks>
public enum CommandKind : byte
{
    Sleep = 0x00,
    Quit = 0x01,
    InitDb = 0x02,
    Query = 0x03,
    FieldList = 0x04,
    CreateDb = 0x05,
    DropDb = 0x06,
    Refresh = 0x07,
    Shutdown = 0x08,
    Statistics = 0x09,
    ProcessInfo = 0x0A,
    Connect = 0x0B,
    ProcessKill = 0x0C,
    Debug = 0x0D,
    Ping = 0x0E,
    Time = 0x0F,
    DelayedInsert = 0x10,
    ChangeUser = 0x11,
    BinlogDump = 0x12,
    TableDump = 0x13,
    ConnectOut = 0x14,
    RegisterReplica = 0x15,
    StatementPrepare = 0x16,
    StatementExecute = 0x17,
    StatementSendLongData = 0x18,
    StatementClose = 0x19,
    StatementReset = 0x1A,
    SetOption = 0x1B,
    StatementFetch = 0x1C,
    Daemon = 0x1D,
    BinlogDumpGtid = 0x1E,
    ResetConnection = 0x1F,

    /// <summary>MySQL 8.0.17+ COM_CLONE.</summary>
    Clone = 0x20,

    /// <summary>MySQL 8.0.27+ COM_SUBSCRIBE_GROUP_REPLICATION_STREAM.</summary>
    SubscribeGroupReplicationStream = 0x21,

    /// <summary>MariaDB COM_STMT_BULK_EXECUTE.</summary>
    StatementBulkExecute = 0xFA,

    /// <summary>MariaDB COM_MULTI (withdrawn).</summary>
    Multi = 0xFE,
}
