using Switchyard.Client;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Login;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// Sessions let in with an expired password, to set another one. The proof made at their login opens nothing afterwards, so they stay where they are.
/// </summary>
internal sealed partial class ProxySession
{
    /// <summary>
    /// Such a connection does not say which account it is, so that is concluded from the accounts there are; as soon as it can be asked, it is.
    /// </summary>
    /// <exception cref="ServerErrorException">It is taken for another account than the client's.</exception>
    private async ValueTask AdmitExpiredAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        if (leg.Expired is null)
        {
            return;
        }

        try
        {
            var profile = await _context.Profiles.GetAsync(leg.Backend, cancellationToken);
            if (!await _context.Login.For(profile).IsTakenForClientAsync(_proof!, leg.Socket.LocalEndPoint.Address, cancellationToken))
            {
                var refusal = LoginRefusal.AccessDenied(_proof!.User, _proof.Client, withPassword: _proof.Password is not "");
                throw new ServerErrorException(refusal.Code, refusal.SqlState, refusal.Message);
            }
        }
        catch
        {
            await leg.DisposeAsync();
            throw;
        }

        _pins.Add(PinReasons.ExpiredPassword);
    }

    /// <summary>A statement has succeeded: it may have set the new password. Then the backend says who it has taken the client for.</summary>
    private async ValueTask LookForNewPasswordAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await LegCommands.QueryAsync(leg, "SELECT " + LegIdentity.CurrentUser, cancellationToken);
            leg.Expired = null;
            if (!LegIdentity.IsClients(answer.Text(0, 0) ?? "", _proof!))
            {
                Kill($"backend '{leg.Backend}' takes it for another account than its client's");
            }
        }
        catch (ServerErrorException expired) when (expired.Code == LegIdentity.MustChangePassword)
        {
            // SET statements of other kinds are allowed on some servers.
        }
    }

    /// <summary>MySQL and MariaDB let nobody change the user before the password.</summary>
    private ClientError? RefusedAsExpired => _current?.Expired is { } expired ? ClientError.From(expired) : null;
}
