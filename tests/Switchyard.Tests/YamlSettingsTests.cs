using System.Net;
using Switchyard.Configuration;

namespace Switchyard.Tests;

public sealed class YamlSettingsTests
{
    [Fact]
    public void Every_key_of_the_file_is_read_and_references_are_replaced()
    {
        var secret = Path.GetTempFileName();
        File.WriteAllText(secret, "from-file\n");
        var settings = Read($$"""
            # comments are fine
            data: /var/lib/switchyard
            store: sqlite:/var/lib/switchyard/s.db
            proxy:
              listen: 0.0.0.0:3306
              max-connections: 500
              login-timeout: 3s
              proxy-protocol-networks: 10.0.0.0/8, 192.168.1.5
              tls:
                certificate: /etc/c.pem
                key: /etc/k.pem
                required: true
            api:
              listen: 127.0.0.1:9000
              token: file:{{secret}}
            backends:
              old: mysql://admin:${OLD_PASSWORD}@db1:3306/
              new: mysql://admin@db2/
            accounts:
              - user: report
                password: file:{{secret}}
              - user: batch
                host: 10.%
                password: ${OLD_PASSWORD}
            default-backend: old
            log-level: debug
            """);
        File.Delete(secret);

        Assert.Equal("/var/lib/switchyard", settings.DataDirectory);
        Assert.Equal("sqlite:/var/lib/switchyard/s.db", settings.Store);
        Assert.Equal(new IPEndPoint(IPAddress.Any, 3306), settings.ProxyListen);
        Assert.Equal(500, settings.ProxyMaxConnections);
        Assert.Equal(("/etc/c.pem", "/etc/k.pem"), (settings.ProxyTlsCertificate, settings.ProxyTlsKey));
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, 9000), settings.ApiListen);
        Assert.Equal("from-file", settings.ApiToken);
        Assert.Equal(["old=mysql://admin:pw1@db1:3306/", "new=mysql://admin@db2/"], settings.Backends.Select(backend => $"{backend.Key}={backend.Value}"));
        Assert.Equal(["report@% from-file", "batch@10.% pw1"], settings.Accounts.Select(account => $"{account} {account.Password}"));
        Assert.True(settings.ProxyTlsRequired);
        Assert.Equal(TimeSpan.FromSeconds(3), settings.ProxyLoginTimeout);
        Assert.Equal(["10.0.0.0/8", "192.168.1.5/32"], settings.ProxyProtocolNetworks.Select(network => network.ToString()));
        Assert.Equal("old", settings.DefaultBackend);
        settings.Validate();
    }

    [Theory]
    [InlineData("dat: x", "line 1: the key 'dat' is not known here")]
    [InlineData("data: x\nproxy:\n  lissten: 1", "line 3: the key 'lissten' is not known here")]
    [InlineData("proxy:\n  listen: nowhere", "line 2: proxy.listen: 'nowhere' is not an address")]
    [InlineData("proxy:\n  max-connections: -1", "line 2: proxy.max-connections: '-1' is not a positive number")]
    [InlineData("proxy: [a]", "line 1: proxy must be a list of 'key: value' lines")]
    [InlineData("api:\n  token: ${NO_SUCH_VARIABLE}", "line 2: api.token: The environment variable NO_SUCH_VARIABLE is not set")]
    [InlineData("api:\n  token: file:/no/such/file", "line 2: api.token: The file /no/such/file cannot be read")]
    [InlineData("backends:\n  'a b': mysql://h/", "line 2: backends: 'a b' cannot name a backend")]
    [InlineData("log-level: loud", "line 1: log-level: 'loud' is not a log level")]
    [InlineData("proxy:\n  proxy-protocol-networks: 10.0.0.0/99", "line 2: proxy.proxy-protocol-networks: '10.0.0.0/99' is not a network")]
    [InlineData("accounts:\n  - user: a", "line 2: an account needs a user and a password")]
    [InlineData("accounts: x", "line 1: accounts must be a list")]
    [InlineData("data: [", "this is not YAML")]
    [InlineData("data:", "line 1: data: the value is empty")]
    [InlineData("data: {a: b}", "line 1: data: a single value is expected")]
    [InlineData("log-level: 99", "line 1: log-level: '99' is not a log level; use trace, debug")]
    [InlineData("log-level: none", "line 1: log-level: 'none' is not a log level")]
    [InlineData("store: postgres://u:s3cret@h/d", "line 1: store: this version keeps its store in an SQLite file; postgres:// is not supported")]
    [InlineData("store: etcd://h:2379/p", "etcd:// is not supported")]
    [InlineData("proxy:\n  listen: 4306", "line 2: proxy.listen: '4306' is not an address")]
    [InlineData("proxy:\n  listen: 127.0.0.1:99999", "line 2: proxy.listen: '127.0.0.1:99999' is not an address")]
    [InlineData("proxy:\n  max-connections: 2e3", "line 2: proxy.max-connections: '2e3' is not a positive number; write a whole number")]
    [InlineData("proxy:\n  login-timeout: 0", "line 2: proxy.login-timeout: '0' is no time at all")]
    [InlineData("proxy:\n  proxy-protocol-networks: 1234", "line 2: proxy.proxy-protocol-networks: '1234' is not a network")]
    [InlineData("proxy:\n  tls:\n    required: maybe", "line 3: proxy.tls.required: 'maybe' is neither true nor false")]
    [InlineData("backends:\n  a:", "line 2: backends.a: the value is empty")]
    [InlineData("backends:\n  a: postgres://u:s3cret@h/", "line 2: backends.a: ")]
    [InlineData("accounts:\n  - user: a\n    password: ''", "line 3: the account's password: the value is empty")]
    public void What_cannot_be_used_is_refused_with_its_line(string text, string message)
    {
        var error = Assert.Throws<ConfigurationException>(() => Read(text));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.StartsWith("switchyard.yaml", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_that_cannot_be_used_is_told_at_once()
    {
        var error = Assert.Throws<ConfigurationException>(() => Read("dat: x\nproxy:\n  listen: nowhere\n  tls: 7\naccounts:\n  - usr: a\n  - host: b\nbackends: []\nlog-level: 99"));
        Assert.Equal([1, 3, 4, 6, 7, 8, 9], error.Message.Split(Environment.NewLine).Select(line => int.Parse(line.Split("line ")[1].Split(':')[0], System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void An_empty_file_changes_nothing() => Assert.Equal(new ServeSettings(), Read("# nothing\n"));

    [Theory]
    [InlineData("api:\n  listen: 0.0.0.0:4380", "without a token")]
    [InlineData("proxy:\n  tls:\n    key: k", "both a certificate and a key")]
    public void What_is_unsafe_or_contradictory_is_refused(string text, string message)
    {
        var error = Assert.Throws<ConfigurationException>(() => Read(text).Validate());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_token_from_an_empty_file_does_not_open_the_api()
    {
        var empty = Path.GetTempFileName();
        var error = Assert.Throws<ConfigurationException>(() => Read($"api:\n  token: file:{empty}"));
        Assert.Contains("line 2: api.token: the value is empty", error.Message, StringComparison.Ordinal);
        File.WriteAllText(empty, " s3cret \r\n");
        Assert.Equal("s3cret", Read($"api:\n  token: file:{empty}").ApiToken);
    }

    [Fact]
    public void The_shipped_schema_names_every_key_the_reader_knows()
    {
        var schema = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "switchyard.schema.json"));
        var error = Assert.Throws<ConfigurationException>(() => Read("x: y"));
        foreach (var key in error.Message[(error.Message.IndexOf("known are", StringComparison.Ordinal) + "known are ".Length)..].TrimEnd('.').Split(", "))
        {
            Assert.Contains($"\"{key}\"", schema, StringComparison.Ordinal);
        }
    }

    private static ServeSettings Read(string text) =>
        new YamlSettings("switchyard.yaml", name => name == "OLD_PASSWORD" ? "pw1" : null).Read(text, new ServeSettings());
}
