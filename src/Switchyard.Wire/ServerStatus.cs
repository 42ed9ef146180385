namespace Switchyard.Wire;

/// <summary>Status flags of OK and EOF packets.</summary>
/// <remarks>Values: MySQL protocol documentation "SERVER_STATUS_flags_enum".</remarks>
[Flags]
public enum ServerStatus : ushort
{
    None = 0,
    InTransaction = 0x0001,
    AutoCommit = 0x0002,

    /// <summary>Another result follows this one.</summary>
    MoreResultsExist = 0x0008,
    NoGoodIndexUsed = 0x0010,
    NoIndexUsed = 0x0020,

    /// <summary>A server-side cursor is open; rows come by COM_STMT_FETCH.</summary>
    CursorExists = 0x0040,
    LastRowSent = 0x0080,
    DatabaseDropped = 0x0100,
    NoBackslashEscapes = 0x0200,
    MetadataChanged = 0x0400,
    QueryWasSlow = 0x0800,

    /// <summary>The result is that of output parameters of a procedure.</summary>
    PsOutParameters = 0x1000,
    InReadOnlyTransaction = 0x2000,

    /// <summary>The OK packet carries session state changes.</summary>
    SessionStateChanged = 0x4000,

    /// <summary>MariaDB: metadata of an ANSI_QUOTES session (SERVER_STATUS_ANSI_QUOTES).</summary>
    AnsiQuotes = 0x8000,
}
