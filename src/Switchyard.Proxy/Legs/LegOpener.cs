using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Login;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Legs;

/// <summary>Logs in to backends in a client's name.</summary>
internal sealed class LegOpener(BackendProfiles profiles, ILegCredentials credentials, string proxyId)
{
    /// <summary>utf8mb4_0900_ai_ci, MySQL 8's default, which MariaDB does not know by number.</summary>
    private const byte MySqlDefaultCollation = 255;

    /// <summary>utf8mb4_unicode_ci: what it is replaced by there.</summary>
    private const byte MariaDbReplacement = 224;

    /// <summary>Opens a leg with exactly the client's capabilities, as the account made for it or by the client's own proof.</summary>
    /// <exception cref="ServerErrorException">The backend refused the login.</exception>
    /// <exception cref="BackendUnavailableException">It cannot be reached, or the client's proof cannot open it.</exception>
    public async Task<BackendLeg> OpenAsync(
        string backend, ClientProof proof, Capabilities client, byte collation, bool checkIdentity, long sessionId, CancellationToken cancellationToken)
    {
        var profile = await profiles.GetAsync(backend, cancellationToken);
        var wanted = OfferedCapabilities.ForLeg(client);
        var options = proof.Apply(profile.Options) with
        {
            Schema = null,
            Collation = collation == MySqlDefaultCollation && profile.Server.IsMariaDb ? MariaDbReplacement : collation,
            ExactCapabilities = wanted,
            CommandTimeout = null,
            Attributes = new Dictionary<string, string>
            {
                ["program_name"] = "switchyard",
                ["_switchyard_proxy"] = proxyId,
                ["_switchyard_session"] = sessionId.ToString(System.Globalization.CultureInfo.InvariantCulture),
            },
        };
        if (await FindCredentialAsync(backend, proof, isOwn: checkIdentity, cancellationToken) is { } stored)
        {
            options = options with { User = stored.BackendUser, Password = stored.Password, PasswordSha1 = null };
        }

        var connection = await ConnectAsync(options, proof, cancellationToken);
        if (checkIdentity && await LegIdentity.CheckAsync(connection, proof, cancellationToken) is { } refusal)
        {
            await connection.DisposeAsync();
            throw new ServerErrorException(refusal.Code, refusal.SqlState, refusal.Message);
        }

        var leg = new BackendLeg(backend, connection.Detach());
        var missing = wanted & OfferedCapabilities.Relayed & ~leg.Capabilities;
        if (missing != Capabilities.None)
        {
            await leg.DisposeAsync();
            throw new BackendUnavailableException(
                UnavailableReason.LoginImpossible,
                $"it lacks what this connection agreed on when it began ({missing}); the client must connect again");
        }

        return leg;
    }

    /// <summary>Where the client's own proof let it in, it is enough; elsewhere a store that does not answer may hold what is needed.</summary>
    private async ValueTask<LegCredential?> FindCredentialAsync(string backend, ClientProof proof, bool isOwn, CancellationToken cancellationToken)
    {
        try
        {
            return await credentials.FindAsync(backend, proof.Account.User, proof.Account.Host, cancellationToken);
        }
        catch (TopologyStoreException) when (isOwn)
        {
            return null;
        }
        catch (TopologyStoreException exception)
        {
            throw new BackendUnavailableException(UnavailableReason.LoginImpossible, "the topology store does not say how to log in there", exception);
        }
    }

    private static async Task<BackendConnection> ConnectAsync(ConnectionOptions options, ClientProof proof, CancellationToken cancellationToken)
    {
        try
        {
            return await BackendConnection.OpenAsync(options, cancellationToken);
        }
        catch (ServerErrorException error)
        {
            // The backend names the proxy's address; the client is told of its own.
            var refusal = LegIdentity.ForClient(error, proof);
            throw new ServerErrorException(refusal.Code, refusal.SqlState, refusal.Message);
        }
    }
}
