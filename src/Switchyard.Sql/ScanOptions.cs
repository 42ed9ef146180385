using System.Text;

namespace Switchyard.Sql;

/// <summary>
/// What the session and its server say about how SQL text is to be read. Two sessions with equal options read a text alike,
/// so options are part of every cache key.
/// </summary>
public readonly record struct ScanOptions
{
    /// <summary><c>sql_mode</c> has <c>ANSI_QUOTES</c>: double quotes enclose identifiers.</summary>
    public bool AnsiQuotes { get; init; }

    /// <summary><c>sql_mode</c> has <c>NO_BACKSLASH_ESCAPES</c>: a backslash in a string is an ordinary character.</summary>
    public bool NoBackslashEscapes { get; init; }

    /// <summary>The server is MariaDB.</summary>
    public bool MariaDb { get; init; }

    /// <summary>
    /// The server's version as in a version-gated comment: 101119 for 10.11.19, 80036 for 8.0.36. Zero means unknown:
    /// gates with a number stay closed and only functions every server has count as built in.
    /// </summary>
    public int ServerVersion { get; init; }

    /// <summary>The connection has <c>CLIENT_MULTI_STATEMENTS</c> in force.</summary>
    public bool MultiStatements { get; init; }

    /// <summary><c>sql_mode</c> has <c>IGNORE_SPACE</c>, or the client asked for <c>CLIENT_IGNORE_SPACE</c>.</summary>
    public bool IgnoreSpace { get; init; }

    /// <summary><c>sql_mode</c> has <c>ORACLE</c> (MariaDB): another grammar, of which nothing is taken for understood.</summary>
    public bool OracleMode { get; init; }

    /// <summary>
    /// <c>character_set_client</c> is big5, cp932, gbk, gb18030 or sjis, whose characters may hold the bytes of a backslash or backtick.
    /// A statement with any byte above 0x7F is then not understood.
    /// </summary>
    public bool AsciiUnsafeCharacterSet { get; init; }

    /// <summary>
    /// <c>character_set_client</c> is swe7, in which symbols of ASCII are letters. A statement with any of them is then not understood.
    /// </summary>
    public bool SymbolsAreLetters { get; init; }

    /// <summary>The byte above 0x7F that is a space in <c>character_set_client</c>, such as 0xA0 in latin1, and that servers take for one between words; 0 for none.</summary>
    public byte HardSpace { get; init; }

    /// <summary>How names beyond ASCII read by <c>character_set_client</c>; null is UTF-8. Always the same object for one character set.</summary>
    public Encoding? Encoding { get; init; }
}
