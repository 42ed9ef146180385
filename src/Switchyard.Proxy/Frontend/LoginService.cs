using System.Collections.Concurrent;
using System.Net.Security;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Login;
using Switchyard.Topology;

namespace Switchyard.Proxy.Frontend;

/// <summary>What logins need besides the client: each backend's accounts, the RSA key, the certificate. Safe from any thread.</summary>
internal sealed class LoginService(ProxyOptions options, ILegCredentials credentials, TimeProvider time) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, AccountDirectory> _directories = new(StringComparer.Ordinal);
    private readonly RsaLoginKey _rsa = new();
    private readonly Lazy<SslStreamCertificateContext> _ownCertificate = new(() => SslStreamCertificateContext.Create(ServerCertificate.CreateSelfSigned(time), null, offline: true));

    public SslStreamCertificateContext Certificate => options.Certificate?.Invoke() ?? _ownCertificate.Value;

    /// <summary>Ends logins against the accounts of a backend.</summary>
    public FrontendLogin For(BackendProfile profile) =>
        new(_directories.GetOrAdd(profile.Dsn, static (_, arguments) => new AccountDirectory(arguments.Options with { Schema = null }, arguments.time), (profile.Options, time)), _rsa, options.Accounts,
            new RememberedAccounts(credentials, profile.Name));

    public async ValueTask DisposeAsync()
    {
        foreach (var directory in _directories.Values)
        {
            await directory.DisposeAsync();
        }

        _rsa.Dispose();
    }
}
