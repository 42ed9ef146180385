using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Proxy.Frontend;

/// <summary>What a client may be offered. Only what is relayed unchanged or ended by us is ever in it.</summary>
internal static class OfferedCapabilities
{
    /// <summary>
    /// Change what travels in commands and answers, or what statements mean: every leg of a session must have exactly those the client has.
    /// Others that would (query attributes, optional metadata, MariaDB's extensions) are not offered.
    /// </summary>
    public const Capabilities Relayed =
        Capabilities.FoundRows | Capabilities.LongFlag | Capabilities.NoSchema | Capabilities.Odbc | Capabilities.LocalFiles
        | Capabilities.IgnoreSpace | Capabilities.Interactive | Capabilities.Transactions | Capabilities.MultiStatements
        | Capabilities.MultiResults | Capabilities.PsMultiResults | Capabilities.CanHandleExpiredPasswords | Capabilities.SessionTrack
        | Capabilities.DeprecateEof;

    /// <summary>Concern the client's connection only.</summary>
    public const Capabilities Own =
        Capabilities.LongPassword | Capabilities.ConnectWithDatabase | Capabilities.Protocol41 | Capabilities.Ssl | Capabilities.IgnoreSigpipe
        | Capabilities.Reserved | Capabilities.SecureConnection | Capabilities.PluginAuth | Capabilities.ConnectAttributes
        | Capabilities.PluginAuthLengthEncodedData | Capabilities.Compress;

    /// <summary>What to offer in front of these backends: a session may come to need a leg to any of them.</summary>
    /// <param name="home">The server the greeting speaks for: it would offer zstd from 8.0.18 on.</param>
    /// <param name="backends">What every backend offers.</param>
    public static Capabilities For(ServerInfo home, IEnumerable<Capabilities> backends)
    {
        var common = Relayed;
        foreach (var backend in backends)
        {
            common &= backend;
        }

        return Own | common | (home.IsAtLeast(ServerVendor.MySql, 8, 0, 18) ? Capabilities.ZstdCompression : Capabilities.None);
    }

    /// <summary>What a leg is opened with for a client that has these.</summary>
    public static Capabilities ForLeg(Capabilities client) =>
        (client & Relayed) | Capabilities.LongPassword | Capabilities.Protocol41 | Capabilities.SecureConnection | Capabilities.PluginAuth
        | Capabilities.PluginAuthLengthEncodedData | Capabilities.ConnectAttributes | Capabilities.Transactions;
}
