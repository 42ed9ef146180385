using Switchyard.Wire;

namespace Switchyard.Client.Protocol;

/// <summary>Decides which capabilities a login asks for.</summary>
internal static class CapabilityChoice
{
    /// <summary>Without these no login here is possible, or its packets cannot be read.</summary>
    private const Capabilities Required = Capabilities.Protocol41 | Capabilities.SecureConnection | Capabilities.PluginAuth |
        Capabilities.PluginAuthLengthEncodedData;

    private const Capabilities Usual = Required | Capabilities.LongPassword | Capabilities.LongFlag | Capabilities.Transactions |
        Capabilities.MultiStatements | Capabilities.MultiResults | Capabilities.PsMultiResults | Capabilities.ConnectAttributes |
        Capabilities.SessionTrack | Capabilities.DeprecateEof;

    /// <summary>What this client does not speak; a proxy that relays them does so by itself, after the login.</summary>
    private const Capabilities Never = Capabilities.MultiFactorAuthentication | Capabilities.SslVerifyServerCert;

    public static Capabilities Choose(ConnectionOptions options, Capabilities server, bool useTls)
    {
        var wanted = options.ExactCapabilities ?? ((Usual | options.ExtraCapabilities) & ~options.ExcludedCapabilities);
        wanted = (wanted & ~Never) | Required;
        wanted = Set(wanted, Capabilities.Ssl, useTls);
        wanted = Set(wanted, Capabilities.ConnectWithDatabase, options.Schema is not null);
        var agreed = wanted & server;
        if ((agreed & Capabilities.ZstdCompression) != 0)
        {
            // Asked for both, a server takes the one its settings name first.
            agreed &= ~Capabilities.Compress;
        }

        // The bit is how a MariaDB server and its clients tell each other that the extended capabilities are meant.
        return (server & Capabilities.LongPassword) == 0 ? agreed : agreed & (Capabilities)uint.MaxValue;
    }

    private static Capabilities Set(Capabilities set, Capabilities flag, bool value) => value ? set | flag : set & ~flag;
}
