using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Login;

namespace Switchyard.Proxy.Frontend;

/// <summary>What logins need besides the client: each backend's accounts, the RSA key, the certificate. Safe from any thread.</summary>
internal sealed class LoginService(ProxyOptions options, TimeProvider time) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, AccountDirectory> _directories = new(StringComparer.Ordinal);
    private readonly RsaLoginKey _rsa = new();
    private readonly Lazy<X509Certificate2> _certificate = new(() => options.Certificate ?? MakeCertificate(time));

    public X509Certificate2 Certificate => _certificate.Value;

    /// <summary>Ends logins against the accounts of a backend.</summary>
    public FrontendLogin For(BackendProfile profile) =>
        new(_directories.GetOrAdd(profile.Dsn, static (_, arguments) => new AccountDirectory(arguments.Options with { Schema = null }, arguments.time), (profile.Options, time)), _rsa);

    public async ValueTask DisposeAsync()
    {
        foreach (var directory in _directories.Values)
        {
            await directory.DisposeAsync();
        }

        _rsa.Dispose();
    }

    private static X509Certificate2 MakeCertificate(TimeProvider time) => ServerCertificate.CreateSelfSigned(time);
}
