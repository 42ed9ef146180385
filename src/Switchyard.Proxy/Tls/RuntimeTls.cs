using System.Net.Security;
using Switchyard.Proxy.Sockets;

namespace Switchyard.Proxy.Tls;

/// <summary>
/// The runtime's TLS over a client's connection, where OpenSSL's is not to be had. By itself it closes the connection without a word, which a peer cannot tell
/// from one that somebody has cut.
/// </summary>
internal sealed class RuntimeTls(Stream inner) : SslStream(inner, leaveInnerStreamOpen: false)
{
    /// <summary>For a peer that does not read what it is sent.</summary>
    private static readonly TimeSpan s_lastWordLimit = TimeSpan.FromSeconds(1);

    /// <summary>Says <c>close_notify</c>, unless the peer is to see its connection reset, and closes the connection.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (IsAuthenticated && InnerStream is not LoopSocket { ClosesWithReset: true })
        {
            try
            {
                await ShutdownAsync().WaitAsync(s_lastWordLimit);
            }
            catch (Exception exception) when (exception is IOException or InvalidOperationException or TimeoutException or System.Security.Authentication.AuthenticationException)
            {
                // There is nobody to hear it.
            }
        }

        await base.DisposeAsync();
    }
}
