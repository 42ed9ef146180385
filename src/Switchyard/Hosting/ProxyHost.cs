using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Switchyard.Api;
using Switchyard.Configuration;
using Switchyard.Proxy;
using Switchyard.Proxy.Login;
using Switchyard.Topology;

namespace Switchyard.Hosting;

/// <summary>The proxy of this process, and its sessions for the API.</summary>
internal sealed class ProxyHost(
    ServeSettings settings, TopologyView view, TopologyRepository repository, AppliedPositions positions, ReadValidation validation,
    ObservedStatements observed, TimeProvider time, ILoggerFactory loggers) : ISessionDirectory
{
    /// <summary>Running statements get this long to end when the process stops.</summary>
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(10);

    private ProxyServer? _server;
    private CertificateFiles? _certificate;
    private PosixSignalRegistration? _reload;

    /// <summary>
    /// Never used twice: what a proxy that died left running on a server is known by this name, and in a container every process has the
    /// same number.
    /// </summary>
    public string ProxyId { get; } = $"proxy-{Environment.MachineName}-{Environment.ProcessId}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(3))}";

    public int Count => _server?.SessionCount ?? 0;

    public IReadOnlyList<Api.SessionInfo> List() => [.. (_server?.ListSessions() ?? []).Select(Show)];

    public Api.SessionInfo? Find(long id) => _server?.FindSession(id) is { } session ? Show(session) : null;

    public Task<bool> KillAsync(long id, CancellationToken cancellationToken) =>
        Task.FromResult(_server?.KillSession(id, "killed by the operator") ?? false);

    /// <exception cref="ListenException">The address cannot be listened on.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var certificate = LoadCertificate();
        _certificate = certificate;
        _reload = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            certificate.Reload();
        });
        var options = new ProxyOptions
        {
            Id = ProxyId,
            Observed = observed,
            Listen = settings.ProxyListen,
            Certificate = () => certificate.Current,
            Accounts = settings.Accounts,
            RequireTls = settings.ProxyTlsRequired,
            ProxyProtocolNetworks = settings.ProxyProtocolNetworks,
        };
        options = options with
        {
            MaxSessions = settings.ProxyMaxConnections ?? options.MaxSessions,
            LoginTimeout = settings.ProxyLoginTimeout ?? options.LoginTimeout,
        };

        var server = new ProxyServer(options, view, repository, positions, validation, time, loggers.CreateLogger<ProxyServer>());
        try
        {
            await server.StartAsync(cancellationToken);
        }
        catch (SocketException error)
        {
            throw new ListenException(
                $"The proxy cannot listen on {settings.ProxyListen}: {error.Message}. Another program may use the port; choose one with --proxy-listen.", error);
        }

        _server = server;
    }

    public async Task StopAsync()
    {
        if (_server is not null)
        {
            using var limit = new CancellationTokenSource(s_stopLimit, time);
            await _server.StopAsync(limit.Token);
        }

        _reload?.Dispose();
        if (_certificate is not null)
        {
            await _certificate.DisposeAsync();
        }
    }

    private static Api.SessionInfo Show(Proxy.SessionInfo session) => new()
    {
        Id = session.Id,
        ConnectionId = session.ConnectionId,
        User = session.User,
        Client = session.Client,
        Schema = session.Schema,
        State = session.State,
        InTransaction = session.InTransaction,
        Statement = session.Statement,
        AgeMs = session.AgeMs,
        Backends = session.Legs,
        Pins = session.Pins,
        Refusals = [.. session.Refusals.Select(refusal => new Api.SessionRefusalInfo(refusal.Backend, refusal.Reason, refusal.Since))],
    };

    /// <summary>The files of the configuration, else a self-signed certificate kept beside the store.</summary>
    private CertificateFiles LoadCertificate()
    {
        try
        {
            var (certificate, key) = settings is { ProxyTlsCertificate: { } given, ProxyTlsKey: { } givenKey }
                ? (given, givenKey)
                : ServerCertificate.EnsureSelfSigned(Path.GetDirectoryName(ServeHost.StorePath(settings))!, time);
            return new CertificateFiles(certificate, key, time, loggers.CreateLogger<ProxyServer>());
        }
        catch (InvalidOperationException error)
        {
            throw new ConfigurationException(error.Message);
        }
    }
}
