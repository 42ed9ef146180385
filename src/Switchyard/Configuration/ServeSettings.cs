using System.Collections.Immutable;
using System.Net;

namespace Switchyard.Configuration;

/// <summary>Everything <c>serve</c> can be told, from the file and then the command line, which is stronger. Holds secrets: never printed.</summary>
internal sealed record ServeSettings
{
    public const int DefaultProxyPort = 4306;
    public const int DefaultApiPort = 4380;

    /// <summary>Where the store, its key and other state live, unless <see cref="Store"/> says otherwise.</summary>
    public string DataDirectory { get; init; } = "switchyard-data";

    /// <summary>A path or <c>sqlite:PATH</c>; null is <c>switchyard.db</c> in the data directory.</summary>
    public string? Store { get; init; }

    public IPEndPoint ProxyListen { get; init; } = new(IPAddress.Loopback, DefaultProxyPort);

    /// <summary>PEM files for TLS to clients; null generates a certificate of the process's own.</summary>
    public string? ProxyTlsCertificate { get; init; }

    public string? ProxyTlsKey { get; init; }

    /// <summary>Clients must speak TLS.</summary>
    public bool ProxyTlsRequired { get; init; }

    /// <summary>Peers whose PROXY headers are believed.</summary>
    public ImmutableArray<IPNetwork> ProxyProtocolNetworks { get; init; } = [];

    /// <summary>Time a client has for its login; null is the proxy's default.</summary>
    public TimeSpan? ProxyLoginTimeout { get; init; }

    /// <summary>Clients refused beyond this number with the server's own "too many connections"; null is the proxy's default.</summary>
    public int? ProxyMaxConnections { get; init; }

    public IPEndPoint ApiListen { get; init; } = new(IPAddress.Loopback, DefaultApiPort);

    /// <summary>Asked of every caller of the API; needed when the API listens anywhere but loopback.</summary>
    public string? ApiToken { get; init; }

    /// <summary>Backends to add or update at start, name and DSN, in the order given.</summary>
    public ImmutableArray<KeyValuePair<string, string>> Backends { get; init; } = [];

    /// <summary>Accounts whose passwords the proxy is given.</summary>
    public ImmutableArray<Proxy.Login.ConfiguredAccount> Accounts { get; init; } = [];

    /// <summary>Who answers for tables without a rule; null keeps what the store has, or takes the first backend given.</summary>
    public string? DefaultBackend { get; init; }

    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    public override string ToString() => nameof(ServeSettings);

    /// <summary>What is contradictory or unsafe, all at once.</summary>
    public void Validate()
    {
        var errors = new List<string>();
        if (!IPAddress.IsLoopback(ApiListen.Address) && string.IsNullOrEmpty(ApiToken))
        {
            errors.Add($"The API would listen on {ApiListen}, which others can reach, without a token. Set api.token in the configuration or SWITCHYARD_TOKEN, or listen on 127.0.0.1.");
        }

        if ((ProxyTlsCertificate is null) != (ProxyTlsKey is null))
        {
            errors.Add("proxy.tls needs both a certificate and a key; one of them is missing.");
        }

        foreach (var twice in Accounts.GroupBy(account => account.ToString()).Where(group => group.Count() > 1))
        {
            errors.Add($"The account {twice.Key} is given {twice.Count()} times; name each one once.");
        }

        foreach (var twice in Backends.GroupBy(backend => backend.Key).Where(group => group.Count() > 1))
        {
            errors.Add($"The backend {twice.Key} is given {twice.Count()} times; name each one once.");
        }

        if (errors.Count > 0)
        {
            throw new ConfigurationException(string.Join(Environment.NewLine, errors));
        }
    }
}
