using System.Net.Security;
using Microsoft.Extensions.Logging;

namespace Switchyard.Proxy.Login;

/// <summary>
/// The certificate of two PEM files, loaded again when they change or on demand. Connections keep the one they began with. A pair that cannot
/// be used is reported, and the one before stays in use. Thread-safe.
/// </summary>
public sealed class CertificateFiles : IAsyncDisposable
{
    /// <summary>Files are looked at this often: watching would miss mounted secrets, whose links are swapped.</summary>
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(5);

    private readonly string _certificatePath;
    private readonly string _keyPath;
    private readonly ILogger _logger;
    private readonly Lock _loading = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;
    private volatile SslStreamCertificateContext _current;
    private (DateTime, long, DateTime, long) _stamp;

    /// <exception cref="InvalidOperationException">The files cannot be used.</exception>
    public CertificateFiles(string certificatePath, string keyPath, TimeProvider time, ILogger logger)
    {
        _certificatePath = certificatePath;
        _keyPath = keyPath;
        _logger = logger;
        _stamp = Stamp();
        _current = ServerCertificate.Load(certificatePath, keyPath);
        ProxyLog.CertificateLoaded(logger, certificatePath, _current.TargetCertificate.NotAfter.ToUniversalTime());
        _watching = WatchAsync(time);
    }

    /// <summary>What the next handshake shows.</summary>
    public SslStreamCertificateContext Current => _current;

    /// <summary>Loads the files now; false when they cannot be used.</summary>
    public bool Reload()
    {
        lock (_loading)
        {
            _stamp = Stamp();
            try
            {
                _current = ServerCertificate.Load(_certificatePath, _keyPath);
                ProxyLog.CertificateLoaded(_logger, _certificatePath, _current.TargetCertificate.NotAfter.ToUniversalTime());
                return true;
            }
            catch (InvalidOperationException exception)
            {
                ProxyLog.CertificateNotReloaded(_logger, exception.Message);
                return false;
            }
        }
    }

    /// <summary>Loads the files if they have changed; false when they have and cannot be used.</summary>
    internal bool ReloadIfChanged() => Stamp() == _stamp || Reload();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _stop.Dispose();
    }

    private async Task WatchAsync(TimeProvider time)
    {
        using var timer = new PeriodicTimer(s_look, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                ReloadIfChanged();
            }
        }
        catch (OperationCanceledException)
        {
            // The proxy stops.
        }
    }

    private (DateTime, long, DateTime, long) Stamp()
    {
        var (certificate, key) = (Find(_certificatePath), Find(_keyPath));
        return (certificate.LastWriteTimeUtc, certificate.Exists ? certificate.Length : 0, key.LastWriteTimeUtc, key.Exists ? key.Length : 0);
    }

    /// <summary>The file itself: of a link the runtime tells time and length of the link, which stay when what it leads through is swapped.</summary>
    private static FileInfo Find(string path)
    {
        var file = new FileInfo(path);
        try
        {
            return file.LinkTarget is null ? file : (FileInfo)file.ResolveLinkTarget(returnFinalTarget: true)!;
        }
        catch (IOException)
        {
            // Links that lead nowhere.
            return file;
        }
    }
}
