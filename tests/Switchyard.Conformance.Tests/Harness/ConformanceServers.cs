using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Conformance.Tests.Harness;

/// <summary>The servers of this project's tests, each with a proxy in front, started when first asked for.</summary>
public sealed class ConformanceServers : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("switchyard-conformance");
    private readonly ConcurrentDictionary<string, Lazy<Task<ServerAndProxy>>> _servers = new();
    private readonly ConcurrentDictionary<string, Lazy<Task<LabServer>>> _others = new();

    /// <summary>A server with TLS and local files on, and a proxy in front of it.</summary>
    internal Task<ServerAndProxy> GetAsync(string name) => _servers.GetOrAdd(name, key => new Lazy<Task<ServerAndProxy>>(async () =>
    {
        var server = await LabServer.StartAsync(key, Options(key));
        return new ServerAndProxy(server, await ProxyHarness.StartAsync(("s", server)));
    })).Value;

    /// <summary>One more server of the same kind, without a proxy of its own.</summary>
    internal Task<LabServer> GetOtherAsync(string name) =>
        _others.GetOrAdd(name, key => new Lazy<Task<LabServer>>(() => LabServer.StartAsync(key, Options(key)))).Value;

    /// <summary>Makes a schema anew and fills it with what the client programs expect.</summary>
    internal static async Task FillAsync(LabServer server, string schema)
    {
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        await connection.ExecuteAsync($"DROP DATABASE IF EXISTS {schema}", default);
        await connection.ExecuteAsync($"CREATE DATABASE {schema}", default);
        await connection.ExecuteAsync($"USE {schema}", default);
        var script = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Clients", "schema.sql"));
        foreach (var statement in script.Split("\n;;\n"))
        {
            await connection.ExecuteAsync(statement, default);
        }
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var server in _servers.Values)
        {
            await (await server.Value).DisposeAsync();
        }

        foreach (var server in _others.Values)
        {
            await (await server.Value).DisposeAsync();
        }

        _directory.Delete(recursive: true);
    }

    private string[] Options(string name)
    {
        string[] common = ["--local-infile=1", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0"];
        return name.StartsWith("mariadb", StringComparison.Ordinal) ? [.. common, .. TlsOptions()] : common;
    }

    /// <summary>The lab's MariaDB servers have no TLS of their own.</summary>
    private string[] TlsOptions()
    {
        var (certificate, key) = (Path.Combine(_directory.FullName, "cert.pem"), Path.Combine(_directory.FullName, "key.pem"));
        if (!File.Exists(key))
        {
            using var rsa = RSA.Create(2048);
            var request = new CertificateRequest("CN=conformance", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
            File.WriteAllText(certificate, made.ExportCertificatePem());
            File.WriteAllText(key, rsa.ExportPkcs8PrivateKeyPem());
        }

        return [$"--ssl-cert={certificate}", $"--ssl-key={key}"];
    }
}

/// <summary>A server, and a proxy whose only backend it is.</summary>
internal sealed record ServerAndProxy(LabServer Server, ProxyHarness Harness) : IAsyncDisposable
{
    public int ProxyPort => Harness.Proxy.EndPoint.Port;

    public async ValueTask DisposeAsync()
    {
        await Harness.DisposeAsync();
        await Server.DisposeAsync();
    }
}

/// <summary>One set of servers for all tests, which run one after another: the machine is shared.</summary>
[CollectionDefinition(Name)]
public sealed class ConformanceCollection : ICollectionFixture<ConformanceServers>
{
    public const string Name = "conformance";
}
