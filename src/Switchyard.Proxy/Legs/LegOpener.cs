using System.Security.Cryptography;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Sessions;
using Switchyard.Proxy.Sockets;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Legs;

/// <summary>Logs in to backends in a client's name.</summary>
internal sealed class LegOpener(BackendProfiles profiles, ILegCredentials credentials, string proxyId)
{
    /// <summary>
    /// Opens a leg with exactly the client's capabilities: by the client's own proof at the backend whose accounts let it in
    /// (<paramref name="checkIdentity"/>), never by a stored password there; elsewhere as the account made for it, if there is one.
    /// </summary>
    /// <exception cref="ServerErrorException">The backend refused the login.</exception>
    /// <exception cref="BackendUnavailableException">It cannot be reached, or the client's proof cannot open it.</exception>
    /// <param name="greeted">A connection to this backend to log in on; null makes one.</param>
    public async Task<BackendLeg> OpenAsync(
        string backend, ClientProof proof, LegTerms terms, bool checkIdentity, GreetedConnection? greeted, CancellationToken cancellationToken)
    {
        LoggedIn loggedIn;
        try
        {
            loggedIn = await LogInAsync(backend, proof, terms, checkIdentity, options => ConnectAsync(options, greeted, cancellationToken), cancellationToken);
        }
        catch when (greeted is not null)
        {
            // Also where it did not come to a login on it; nothing is left to be done after one.
            await greeted.DisposeAsync();
            throw;
        }

        return await MakeLegAsync(backend, loggedIn, terms);
    }

    /// <summary>
    /// Logs a client in on a leg of another user's: the connection, and its backend's id of it, stay. The leg given is spent, and its connection closed if this fails.
    /// </summary>
    /// <exception cref="ServerErrorException">The backend refused the login.</exception>
    /// <exception cref="BackendUnavailableException">The connection broke, or the client's proof cannot open the backend.</exception>
    public async Task<BackendLeg> ChangeUserAsync(BackendLeg leg, ClientProof proof, LegTerms terms, bool checkIdentity, CancellationToken cancellationToken)
    {
        leg.IsBroken = true;
        try
        {
            var loggedIn = await LogInAsync(leg.Backend, proof, terms, checkIdentity, options => ChangeUserAsync(leg, options, cancellationToken), cancellationToken);
            return await MakeLegAsync(leg.Backend, loggedIn, terms);
        }
        catch
        {
            await leg.DisposeAsync();
            throw;
        }
    }

    private static async Task<BackendConnection> ChangeUserAsync(BackendLeg leg, ConnectionOptions options, CancellationToken cancellationToken)
    {
        var connection = BackendConnection.Attach(leg.Transport, options);
        await connection.ChangeUserAsync(options, cancellationToken);
        return connection;
    }

    private static async Task<BackendLeg> MakeLegAsync(string backend, LoggedIn loggedIn, LegTerms terms)
    {
        var wanted = OfferedCapabilities.ForLeg(terms.Capabilities);
        var connection = loggedIn.Connection;
        var options = connection.Options;
        var leg = new BackendLeg(backend, await DetachAsync(connection))
        {
            User = options.User,
            Address = (options.Host, options.Port),
            InitialState = connection.LoginResult.SessionState,
            Expired = loggedIn.Expired,
            Settings = loggedIn.Settings,
        };

        // Several statements every server allows, and a leg that changes its user may have been told to since its login.
        var missing = wanted & OfferedCapabilities.Relayed & ~(leg.Capabilities | Capabilities.MultiStatements);
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
    public async Task<BackendConnection> ConnectAsync(string backend, ClientProof proof, LegTerms terms, bool isOwn, CancellationToken cancellationToken)
    {
        var (connection, expired, _) = await LogInAsync(backend, proof, terms, isOwn, options => ConnectAsync(options, greeted: null, cancellationToken), cancellationToken);
        if (expired is null)
        {
            return connection;
        }

        await connection.DisposeAsync();
        throw expired;
    }

    /// <summary>
    /// Lets the backend whose accounts they are judge the client's own proof. Needed where the first leg goes elsewhere: a stored password would open the
    /// door there to any proof that was not compared with the account's hash, and an account's wrong passwords are counted until it is logged in to.
    /// </summary>
    /// <exception cref="ServerErrorException">The proof is wrong, or the account may not log in.</exception>
    /// <exception cref="BackendUnavailableException">It cannot be asked.</exception>
    public async Task ProveAsync(string backend, ClientProof proof, LegTerms terms, CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(backend, proof, terms, isOwn: true, cancellationToken);
    }

    /// <summary>
    /// Lets a login that failed at the proxy fail at the backend too: it is the backend that counts wrong passwords, locks accounts for them and writes them
    /// down. Tried with a password made up for this one login: neither what the client sent nor a stored password is. Where the backend would take the proxy for an
    /// account that is none of the client's, the name is made up as well.
    /// </summary>
    /// <param name="accounts">Those of this backend.</param>
    /// <param name="greeted">A connection to this backend to fail on; null makes one.</param>
    /// <returns>The backend's refusal; null where it lets anybody in as this user, whom the client is not, and where it was told another name.</returns>
    /// <exception cref="ServerErrorException">It does not greet, or does not show its accounts.</exception>
    /// <exception cref="BackendUnavailableException">It cannot be reached.</exception>
    public async Task<LoginRefusal?> FailAsync(
        string backend, FailedLogin login, FrontendLogin accounts, LegTerms terms, GreetedConnection? greeted, CancellationToken cancellationToken)
    {
        try
        {
            var options = Options(await profiles.GetAsync(backend, cancellationToken), terms, isOwn: true) with
            {
                Password = login.WithPassword ? MadeUpPassword() : null,
                PasswordSha1 = null,
                IsMeantToFail = true,
            };
            greeted ??= await GreetedConnection.ConnectAsync(options, cancellationToken);
            var proxy = ((LoopSocket)greeted.Connection).LocalEndPoint.Address;
            var isCounted = await accounts.IsCountedForClientAsync(login, proxy, cancellationToken);
            return await FailAsync(options with { User = isCounted ? login.User : MadeUpName() }, greeted, cancellationToken) is { } error && isCounted
                ? LegIdentity.ForClient(error, login.User, login.Client, login.WithPassword)
                : null;
        }
        finally
        {
            if (greeted is not null)
            {
                await greeted.DisposeAsync();
            }
        }
    }

    private static async Task<ServerErrorException?> FailAsync(ConnectionOptions options, GreetedConnection greeted, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await ConnectAsync(options, greeted, cancellationToken);
            return null;
        }
        catch (ServerErrorException error)
        {
            return error;
        }
    }

    /// <summary>256 random bits: nobody's password.</summary>
    private static string MadeUpPassword() => Convert.ToHexString(RandomNumberGenerator.GetBytes(32));

    /// <summary>Nobody's name, in the 16 characters that every server has for one.</summary>
    private static string MadeUpName() => Convert.ToHexString(RandomNumberGenerator.GetBytes(8));

    private ConnectionOptions Options(BackendProfile profile, LegTerms terms, bool isOwn) => profile.Options with
    {
        Schema = terms.Schema,

        // What the client's own MySQL makes of a number it does not know, it makes of it here.
        Collation = isOwn && !profile.Server.IsMariaDb ? terms.Collation : VariableNames.CollationIdOnServer(terms.Collation, profile.Server),
        ExactCapabilities = OfferedCapabilities.ForLeg(terms.Capabilities),
        CommandTimeout = null,
        Attributes = LegAttributes.For(terms, proxyId),
        Dialer = terms.Loop,
    };

    private async Task<LoggedIn> LogInAsync(
        string backend, ClientProof proof, LegTerms terms, bool isOwn, Func<ConnectionOptions, Task<BackendConnection>> connect, CancellationToken cancellationToken)
    {
        var profile = await profiles.GetAsync(backend, cancellationToken);
        var options = proof.Apply(Options(profile, terms, isOwn));
        if ((!isOwn || proof.IsRemembered) && await FindCredentialAsync(backend, proof, cancellationToken) is { } stored)
        {
            options = options with { User = stored.BackendUser, Password = stored.Password, PasswordSha1 = null };
        }

        try
        {
            var connection = await connect(options);
            profiles.Recognises(profile, connection.Server);
            return await IdentifiedAsync(connection, proof, isOwn, cancellationToken);
        }
        catch (ServerErrorException error)
        {
            // The backend names the proxy's address; the client is told of its own.
            var refusal = LegIdentity.ForClient(error, proof);
            throw new ServerErrorException(refusal.Code, refusal.SqlState, refusal.Message);
        }
        catch (MalformedPacketException exception)
        {
            throw BackendProfiles.Broke(exception);
        }
    }

    /// <summary>
    /// At the backend whose accounts let the client in, a connection must be that very account; another one is closed. One whose password has expired cannot be asked
    /// until it has another. Elsewhere nobody sets a password: a login that servers grant for that alone, which their OK does not tell, is a refused one.
    /// </summary>
    private static async Task<LoggedIn> IdentifiedAsync(
        BackendConnection connection, ClientProof proof, bool isOwn, CancellationToken cancellationToken)
    {
        try
        {
            var (refusal, settings) = await LegIdentity.CheckAsync(connection, proof, cancellationToken);
            return isOwn && refusal is not null
                ? throw new ServerErrorException(refusal.Code, refusal.SqlState, refusal.Message)
                : new LoggedIn(connection, null, settings);
        }
        catch (ServerErrorException expired) when (isOwn && expired.Code == LegIdentity.MustChangePassword)
        {
            return new LoggedIn(connection, expired, null);
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

    private static async Task<BackendConnection> ConnectAsync(ConnectionOptions options, GreetedConnection? greeted, CancellationToken cancellationToken)
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

    /// <summary>A connection in a client's name.</summary>
    /// <param name="Expired">Where the account's password has expired, so that it may do nothing but set another one: the backend's words for that.</param>
    /// <param name="Settings">Null where it could not be asked for that reason.</param>
    private sealed record LoggedIn(BackendConnection Connection, ServerErrorException? Expired, LegSettings? Settings);
}
