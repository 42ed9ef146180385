namespace Switchyard.Proxy.Relay;

/// <summary>What a server answers to a command, as far as finding its end goes.</summary>
internal enum ResponseShape
{
    /// <summary>No answer at all: COM_QUIT, COM_STMT_CLOSE, COM_STMT_SEND_LONG_DATA.</summary>
    None,

    /// <summary>OK, ERR, EOF, a request for a local file, or result sets, as many as the status flags announce.</summary>
    Results,

    /// <summary>
    /// The answer to an execution that asked for a cursor: like <see cref="Results"/>, but where a cursor is announced no rows follow the column definitions.
    /// </summary>
    Cursor,

    /// <summary>The answer to COM_STMT_PREPARE: a header, then parameter and column definitions.</summary>
    Prepared,

    /// <summary>Rows without column definitions before them (COM_STMT_FETCH), or column definitions without a count (COM_FIELD_LIST).</summary>
    UntilEnd,

    /// <summary>One packet, whatever it holds: COM_STATISTICS.</summary>
    OnePacket,

    /// <summary>Events of the binary log, until EOF or ERR: COM_BINLOG_DUMP.</summary>
    BinaryLog,
}
