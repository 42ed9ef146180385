using System.Collections.Concurrent;
using System.Net.Security;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Tls;
using Switchyard.Topology;

namespace Switchyard.Proxy.Frontend;

/// <summary>What logins need besides the client: each backend's accounts, the RSA key, the certificate. Safe from any thread.</summary>
internal sealed class LoginService(ProxyOptions options, ILegCredentials credentials, TimeProvider time) : IAsyncDisposable
{
    /// <summary>Accounts that fail to log in and never succeed are few; of more than this, those in excess are not noted.</summary>
    private const int MaxFailed = 10_000;

    private readonly ConcurrentDictionary<string, AccountDirectory> _directories = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Backend, string User), byte> _failed = new();
    private readonly RsaLoginKey _rsa = new();
    private readonly Lazy<SslStreamCertificateContext> _ownCertificate = new(() => SslStreamCertificateContext.Create(ServerCertificate.CreateSelfSigned(time), null, offline: true));

    private volatile OwnTls? _tls;

    /// <summary>The certificate that clients are shown now, and TLS with it on the socket itself; that is null where the runtime's has to do it.</summary>
    /// <exception cref="System.Security.Cryptography.CryptographicException">OpenSSL refuses the certificate.</exception>
    public (SslStreamCertificateContext Certificate, TlsContext? Own) Tls
    {
        get
        {
            var certificate = options.Certificate?.Invoke() ?? _ownCertificate.Value;
            if (!OpenSsl.IsAvailable)
            {
                return (certificate, null);
            }

            var known = _tls;
            if (known?.Certificate != certificate)
            {
                _tls = known = new OwnTls(certificate, new Lazy<TlsContext?>(() => TlsContext.ForServer(certificate)));
            }

            return (certificate, known.Context.Value);
        }
    }

    /// <summary>Ends logins against the accounts of a backend.</summary>
    public FrontendLogin For(BackendProfile profile) =>
        new(_directories.GetOrAdd(profile.Dsn, static (_, arguments) => new AccountDirectory(arguments.Options with { Schema = null }, arguments.time), (profile.Options, time)), _rsa, options.Accounts,
            new RememberedAccounts(credentials, profile.Name));

    /// <summary>Notes that a backend has seen a login of this account fail: it counts those, until one succeeds there.</summary>
    /// <param name="user">The account's name, not one that a client makes up.</param>
    public void Failed(string backend, string user)
    {
        if (_failed.Count < MaxFailed)
        {
            _failed[(backend, user)] = 0;
        }
    }

    /// <summary>Whether a backend may be counting failed logins of this account, so that the next right one has to be made there.</summary>
    public bool HasFailed(string backend, string user) => _failed.ContainsKey((backend, user));

    /// <summary>Notes that the account has logged in to the backend.</summary>
    public void Succeeded(string backend, string user) => _failed.TryRemove((backend, user), out _);

    public async ValueTask DisposeAsync()
    {
        foreach (var directory in _directories.Values)
        {
            await directory.DisposeAsync();
        }

        _rsa.Dispose();
    }

    /// <summary>Tried once per certificate: what came of it stands, a failure too.</summary>
    private sealed record OwnTls(SslStreamCertificateContext Certificate, Lazy<TlsContext?> Context);
}
