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

    /// <summary>
    /// Opens a leg with exactly the client's capabilities: by the client's own proof at the backend whose accounts let it in
    /// (<paramref name="checkIdentity"/>), never by a stored password there; elsewhere as the account made for it, if there is one.
    /// </summary>
    /// <exception cref="ServerErrorException">The backend refused the login.</exception>
    /// <exception cref="BackendUnavailableException">It cannot be reached, or the client's proof cannot open it.</exception>
    /// <param name="greeted">A connection to this backend to log in on; null makes one.</param>
    public async Task<BackendLeg> OpenAsync(
        string backend, LegTerms terms, bool checkIdentity, GreetedConnection? greeted, CancellationToken cancellationToken)
    {
        BackendConnection connection;
        try
        {
            connection = await LogInAsync(backend, terms, checkIdentity, greeted, cancellationToken);
        }
        catch when (greeted is not null)
        {
            // Also where it did not come to a login on it; nothing is left to be done after one.
            await greeted.DisposeAsync();
            throw;
        }

        var wanted = OfferedCapabilities.ForLeg(terms.Capabilities);
        var leg = new BackendLeg(backend, await DetachAsync(connection));
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

    /// <summary>A connection in a client's name that is none of its legs.</summary>
    /// <exception cref="ServerErrorException">The backend refused the login.</exception>
    /// <exception cref="BackendUnavailableException">It cannot be reached, or the client's proof cannot open it.</exception>
    public Task<BackendConnection> ConnectAsync(string backend, LegTerms terms, bool isOwn, CancellationToken cancellationToken) =>
        LogInAsync(backend, terms, isOwn, greeted: null, cancellationToken);

    /// <summary>
    /// Lets the backend whose accounts they are judge the client's own proof. Needed where the proof was not compared with the account's hash
    /// and the first leg goes elsewhere, where a stored password would open the door to any proof.
    /// </summary>
    /// <exception cref="ServerErrorException">The proof is wrong, or the account may not log in.</exception>
    /// <exception cref="BackendUnavailableException">It cannot be asked.</exception>
    public async Task ProveAsync(string backend, LegTerms terms, CancellationToken cancellationToken)
    {
        await using var connection = await LogInAsync(backend, terms, isOwn: true, greeted: null, cancellationToken);
    }

    private async Task<BackendConnection> LogInAsync(
        string backend, LegTerms terms, bool isOwn, GreetedConnection? greeted, CancellationToken cancellationToken)
    {
        var profile = await profiles.GetAsync(backend, cancellationToken);
        var proof = terms.Proof;
        var options = proof.Apply(profile.Options) with
        {
            Schema = terms.Schema,
            Collation = terms.Collation == MySqlDefaultCollation && profile.Server.IsMariaDb ? MariaDbReplacement : terms.Collation,
            ExactCapabilities = OfferedCapabilities.ForLeg(terms.Capabilities),
            CommandTimeout = null,
            Attributes = LegAttributes.For(terms, proxyId),
            Dialer = terms.Loop,
        };
        if ((!isOwn || proof.IsRemembered) && await FindCredentialAsync(backend, proof, cancellationToken) is { } stored)
        {
            options = options with { User = stored.BackendUser, Password = stored.Password, PasswordSha1 = null };
        }

        var connection = await ConnectAsync(options, proof, greeted, cancellationToken);
        try
        {
            if (isOwn && await LegIdentity.CheckAsync(connection, proof, cancellationToken) is { } refusal)
            {
                throw new ServerErrorException(refusal.Code, refusal.SqlState, refusal.Message);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private static async ValueTask<BackendTransport> DetachAsync(BackendConnection connection)
    {
        try
        {
            return connection.Detach();
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>A store that does not answer may hold what is needed.</summary>
    private async ValueTask<LegCredential?> FindCredentialAsync(string backend, ClientProof proof, CancellationToken cancellationToken)
    {
        try
        {
            return await credentials.FindAsync(backend, proof.Account.User, proof.Account.Host, cancellationToken);
        }
        catch (TopologyStoreException exception)
        {
            throw new BackendUnavailableException(UnavailableReason.LoginImpossible, "the topology store does not say how to log in there", exception);
        }
    }

    private static async Task<BackendConnection> ConnectAsync(
        ConnectionOptions options, ClientProof proof, GreetedConnection? greeted, CancellationToken cancellationToken)
    {
        try
        {
            try
            {
                if (greeted is not null)
                {
                    return await greeted.LogInAsync(options, cancellationToken);
                }
            }
            catch (BackendUnavailableException exception) when (exception.Reason != UnavailableReason.LoginImpossible)
            {
                // The server waited too long for us and closed it, or wants to be met without TLS: a login may be tried again.
            }

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
