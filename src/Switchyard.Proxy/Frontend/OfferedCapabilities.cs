using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Proxy.Frontend;

/// <summary>What a client may be offered. Only what is relayed unchanged or ended by us is ever in it.</summary>
internal static class OfferedCapabilities
{
    /// <summary>
    /// Change what travels in commands and answers, or what statements mean: every leg of a session must have exactly those the client has.
    /// Others that would (optional and cached metadata) are not offered: no client depends on having them.
    /// </summary>
    public const Capabilities Relayed =
        Capabilities.FoundRows | Capabilities.LongFlag | Capabilities.NoSchema | Capabilities.Odbc | Capabilities.LocalFiles
        | Capabilities.IgnoreSpace | Capabilities.Interactive | Capabilities.Transactions | Capabilities.MultiStatements
        | Capabilities.MultiResults | Capabilities.PsMultiResults | Capabilities.CanHandleExpiredPasswords | Capabilities.DeprecateEof
        | Capabilities.MariaDbStatementBulkOperations | Capabilities.MariaDbExtendedMetadata | Capabilities.MariaDbBulkUnitResults;

    /// <summary>
    /// Offered when the backend greeted for has them; a leg that lacks them gets its commands without what it would not understand, and what it
    /// does not say is nothing a client could miss.
    /// </summary>
    public const Capabilities Adapted = Capabilities.SessionTrack | Capabilities.QueryAttributes | Capabilities.MariaDbProgress;

    /// <summary>Concern the client's connection only.</summary>
    public const Capabilities Own =
        Capabilities.LongPassword | Capabilities.ConnectWithDatabase | Capabilities.Protocol41 | Capabilities.Ssl | Capabilities.IgnoreSigpipe
        | Capabilities.Reserved | Capabilities.SecureConnection | Capabilities.PluginAuth | Capabilities.ConnectAttributes
        | Capabilities.PluginAuthLengthEncodedData | Capabilities.Compress;

    /// <summary>Of <see cref="Relayed"/>, what every supported server has, MySQL 5.6 included.</summary>
    public const Capabilities OfAnyServer = Relayed
        & ~(Capabilities.DeprecateEof | Capabilities.MariaDbStatementBulkOperations | Capabilities.MariaDbExtendedMetadata | Capabilities.MariaDbBulkUnitResults);

    /// <summary>What to offer in front of these backends: a session may come to need a leg to any of them.</summary>
    /// <param name="home">The server the greeting speaks for: it would offer zstd from 8.0.18 on, and has MariaDB's extensions or not.</param>
    /// <param name="backends">What every backend offers.</param>
    public static Capabilities For(ServerInfo home, IEnumerable<Capabilities> backends)
    {
        var common = Relayed;
        foreach (var backend in backends)
        {
            common &= backend;
        }

        var offered = Own | common | (Adapted & home.Capabilities)
            | (home.IsAtLeast(ServerVendor.MySql, 8, 0, 18) ? Capabilities.ZstdCompression : Capabilities.None);

        // The bit is how a server says that it has no extensions of MariaDB's.
        return (home.Capabilities & Capabilities.LongPassword) == 0 ? offered & ~Capabilities.LongPassword : offered & (Capabilities)uint.MaxValue;
    }

    /// <summary>
    /// What a leg is opened with for a client that has these. Every leg tracks the session's state where its server can: what statements hide from the
    /// scanner, such as a USE in a statement prepared by SQL, shows there.
    /// </summary>
    public static Capabilities ForLeg(Capabilities client) =>
        (client & (Relayed | Adapted)) | Capabilities.SessionTrack | Capabilities.LongPassword | Capabilities.Protocol41 | Capabilities.SecureConnection | Capabilities.PluginAuth
        | Capabilities.PluginAuthLengthEncodedData | Capabilities.ConnectAttributes | Capabilities.Transactions;
}
