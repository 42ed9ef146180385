using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Login;

/// <summary>Logins to accounts whose own server is gone: what it had stored verifies the client here.</summary>
public sealed partial class FrontendLogin
{
    private static async Task<LoginOutcome> RunRememberedNativeAsync(ILoginChannel channel, LoginRequest request, AccountMatch match, CancellationToken cancellationToken)
    {
        var response = request.Response;
        if (request.Plugin != AuthPlugins.NativePassword)
        {
            if (!CanSwitch(request))
            {
                return Unread(request, match, response);
            }

            response = await SwitchAsync(channel, request, AuthPlugins.NativePassword, cancellationToken).ConfigureAwait(false);
        }

        return Verify(request, match, response) ?? Denied(request, match, response);
    }

    private async Task<LoginOutcome> RunRememberedAsync(
        AccountAuthentication former, ILoginChannel channel, LoginRequest request, AccountMatch match, CancellationToken cancellationToken)
    {
        var outcome = former.Plugin == AuthPlugins.NativePassword
            ? await RunRememberedNativeAsync(channel, request, match, cancellationToken).ConfigureAwait(false)
            : await RunSha2Async(former.Plugin, channel, request, match, cancellationToken).ConfigureAwait(false);
        if (outcome.Proof is not { } proof)
        {
            return outcome;
        }

        return former.Plugin == AuthPlugins.NativePassword || Sha256Crypt.Verify(proof.Password ?? "", former.AuthenticationString)
            ? LoginOutcome.Accept(proof with { IsRemembered = true })
            : Denied(request, match, request.Response);
    }
}
