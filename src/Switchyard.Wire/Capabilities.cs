namespace Switchyard.Wire;

/// <summary>
/// Capability flags of the connection phase. The low 32 bits are the protocol's own; the high 32 bits are MariaDB's extended
/// capabilities, which travel in the last four bytes of the handshake's filler when <see cref="LongPassword"/> is unset.
/// </summary>
/// <remarks>Values: MySQL protocol documentation "Capabilities Flags"; MariaDB knowledge base "Connection: capabilities".</remarks>
[Flags]
public enum Capabilities : ulong
{
    None = 0,

    /// <summary>CLIENT_LONG_PASSWORD; MariaDB calls the bit CLIENT_MYSQL and leaves it unset when it has extended capabilities.</summary>
    LongPassword = 1UL << 0,

    /// <summary>Affected rows count matched rows, not changed rows.</summary>
    FoundRows = 1UL << 1,
    LongFlag = 1UL << 2,
    ConnectWithDatabase = 1UL << 3,
    NoSchema = 1UL << 4,

    /// <summary>zlib compression of packets.</summary>
    Compress = 1UL << 5,
    Odbc = 1UL << 6,

    /// <summary>LOAD DATA LOCAL INFILE may be requested by the server.</summary>
    LocalFiles = 1UL << 7,
    IgnoreSpace = 1UL << 8,
    Protocol41 = 1UL << 9,

    /// <summary>The session waits <c>interactive_timeout</c> rather than <c>wait_timeout</c>.</summary>
    Interactive = 1UL << 10,
    Ssl = 1UL << 11,
    IgnoreSigpipe = 1UL << 12,

    /// <summary>Status flags are part of OK and EOF.</summary>
    Transactions = 1UL << 13,
    Reserved = 1UL << 14,

    /// <summary>4.1 authentication; today: CLIENT_RESERVED2 or CLIENT_SECURE_CONNECTION.</summary>
    SecureConnection = 1UL << 15,
    MultiStatements = 1UL << 16,
    MultiResults = 1UL << 17,
    PsMultiResults = 1UL << 18,
    PluginAuth = 1UL << 19,
    ConnectAttributes = 1UL << 20,
    PluginAuthLengthEncodedData = 1UL << 21,
    CanHandleExpiredPasswords = 1UL << 22,
    SessionTrack = 1UL << 23,

    /// <summary>Result sets end with an OK packet (header 0xFE) and there is no EOF after the column definitions.</summary>
    DeprecateEof = 1UL << 24,

    /// <summary>MySQL 8.0.3+: result set metadata is optional per result.</summary>
    OptionalResultSetMetadata = 1UL << 25,

    /// <summary>MySQL 8.0.18+: zstd compression of packets.</summary>
    ZstdCompression = 1UL << 26,

    /// <summary>MySQL 8.0.23+: COM_QUERY and COM_STMT_EXECUTE carry named parameters.</summary>
    QueryAttributes = 1UL << 27,
    MultiFactorAuthentication = 1UL << 28,

    /// <summary>Bits 25 to 31 that only extend the capability set; never sent by a client of ours.</summary>
    CapabilityExtension = 1UL << 29,
    SslVerifyServerCert = 1UL << 30,
    RememberOptions = 1UL << 31,

    /// <summary>MariaDB: progress reports (error packets with code 0xFFFF) during long statements.</summary>
    MariaDbProgress = 1UL << 32,

    /// <summary>MariaDB: COM_MULTI (reserved; withdrawn in 10.3).</summary>
    MariaDbComMulti = 1UL << 33,

    /// <summary>MariaDB: COM_STMT_BULK_EXECUTE.</summary>
    MariaDbStatementBulkOperations = 1UL << 34,

    /// <summary>MariaDB: extended type information in column definitions.</summary>
    MariaDbExtendedMetadata = 1UL << 35,

    /// <summary>MariaDB: column definitions of prepared statements may be skipped when unchanged.</summary>
    MariaDbCacheMetadata = 1UL << 36,

    /// <summary>MariaDB 11.5+: one unit result per row of a bulk execution.</summary>
    MariaDbBulkUnitResults = 1UL << 37,
}
