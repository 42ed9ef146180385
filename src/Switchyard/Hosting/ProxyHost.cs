using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Switchyard.Api;
using Switchyard.Configuration;
using Switchyard.Proxy;
using Switchyard.Topology;

namespace Switchyard.Hosting;

/// <summary>The proxy of this process, and its sessions for the API.</summary>
internal sealed class ProxyHost(
    ServeSettings settings, TopologyView view, TopologyRepository repository, AppliedPositions positions, TimeProvider time, ILoggerFactory loggers) : ISessionDirectory
{
    /// <summary>Running statements get this long to end when the process stops.</summary>
    private static readonly TimeSpan s_stopLimit = TimeSpan.FromSeconds(10);

    private ProxyServer? _server;

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
        var options = new ProxyOptions { Id = ProxyId, Listen = settings.ProxyListen, Certificate = LoadCertificate() };
        if (settings.ProxyMaxConnections is { } limit)
        {
            options = options with { MaxSessions = limit };
        }

        var server = new ProxyServer(options, view, repository, positions, time, loggers.CreateLogger<ProxyServer>());
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
    };

    private X509Certificate2? LoadCertificate()
    {
        if (settings.ProxyTlsCertificate is not { } certificate)
        {
            return null;
        }

        try
        {
            return X509Certificate2.CreateFromPemFile(certificate, settings.ProxyTlsKey);
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ConfigurationException($"The certificate {certificate} with the key {settings.ProxyTlsKey} cannot be used: {error.Message}");
        }
    }
}
