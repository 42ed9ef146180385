using System.Collections.Immutable;
using Switchyard.Proxy.Login;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Switchyard.Configuration;

/// <summary>
/// Reads <c>switchyard.yaml</c>. A key it does not know is refused with its line: a misspelt limit must not be silently none. What cannot be used is told all at once.
/// </summary>
internal sealed class YamlSettings(string path, Func<string, string?> environment)
{
    private readonly List<string> _errors = [];

    /// <summary>The settings of the file, over the given ones.</summary>
    /// <exception cref="ConfigurationException">Each with the file, the line and the setting.</exception>
    public static ServeSettings Load(string path, ServeSettings settings, Func<string, string?> environment)
    {
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"The configuration {path} cannot be read: {error.Message}");
        }

        return new YamlSettings(path, environment).Read(text, settings);
    }

    internal ServeSettings Read(string text, ServeSettings settings)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException error)
        {
            throw new ConfigurationException($"{path}, line {error.Start.Line}: this is not YAML. {error.Message}");
        }

        if (stream.Documents.Count > 0)
        {
            settings = Root(stream.Documents[0].RootNode, settings);
        }

        return _errors.Count == 0 ? settings : throw new ConfigurationException(string.Join(Environment.NewLine, _errors));
    }

    private ServeSettings Root(YamlNode node, ServeSettings settings) => Each(node, "the configuration", settings, (now, key, value) => Name(key) switch
    {
        "data" => now with { DataDirectory = Text("data", value) },
        "store" => now with { Store = At("store", value, SettingParsers.Store) },
        "proxy" => Proxy(value, now),
        "api" => Api(value, now),
        "backends" => Each(value, "backends", now, Backend),
        "accounts" => now with { Accounts = Accounts(value) },
        "default-backend" => now with { DefaultBackend = At("default-backend", value, SettingParsers.BackendName) },
        "log-level" => now with { LogLevel = At("log-level", value, SettingParsers.Level) },
        _ => throw Unknown(key, "data, store, proxy, api, backends, accounts, default-backend, log-level"),
    });

    private ServeSettings Proxy(YamlNode node, ServeSettings settings) => Each(node, "proxy", settings, (now, key, value) => Name(key) switch
    {
        "listen" => now with { ProxyListen = At("proxy.listen", value, text => SettingParsers.EndPoint(text, ServeSettings.DefaultProxyPort)) },
        "max-connections" => now with { ProxyMaxConnections = At("proxy.max-connections", value, SettingParsers.Count) },
        "login-timeout" => now with { ProxyLoginTimeout = At("proxy.login-timeout", value, SettingParsers.Limit) },
        "proxy-protocol-networks" => now with { ProxyProtocolNetworks = At("proxy.proxy-protocol-networks", value, SettingParsers.Networks) },
        "tls" => Tls(value, now),
        _ => throw Unknown(key, "listen, max-connections, login-timeout, proxy-protocol-networks, tls"),
    });

    private ServeSettings Tls(YamlNode node, ServeSettings settings) => Each(node, "proxy.tls", settings, (now, key, value) => Name(key) switch
    {
        "certificate" => now with { ProxyTlsCertificate = Text("proxy.tls.certificate", value) },
        "key" => now with { ProxyTlsKey = Text("proxy.tls.key", value) },
        "required" => now with { ProxyTlsRequired = At("proxy.tls.required", value, SettingParsers.Boolean) },
        _ => throw Unknown(key, "certificate, key, required"),
    });

    private ServeSettings Api(YamlNode node, ServeSettings settings) => Each(node, "api", settings, (now, key, value) => Name(key) switch
    {
        "listen" => now with { ApiListen = At("api.listen", value, text => SettingParsers.EndPoint(text, ServeSettings.DefaultApiPort)) },
        "token" => now with { ApiToken = At("api.token", value, text => text.Trim()) },
        _ => throw Unknown(key, "listen, token"),
    });

    private ServeSettings Backend(ServeSettings settings, YamlNode key, YamlNode value)
    {
        var name = At("backends", key, SettingParsers.BackendName);
        return settings with { Backends = settings.Backends.Add(KeyValuePair.Create(name, At($"backends.{name}", value, SettingParsers.Dsn))) };
    }

    private ImmutableArray<ConfiguredAccount> Accounts(YamlNode node) => node is YamlSequenceNode list
        ? [.. list.Children.Select(Account).OfType<ConfiguredAccount>()]
        : throw At(node, "accounts must be a list, each with '- user:', 'host:' and 'password:'.");

    private ConfiguredAccount? Account(YamlNode node)
    {
        var before = _errors.Count;
        var (user, host, password) = Each<(string? User, string Host, string? Password)>(node, "an account", (null, "%", null), (now, key, value) => Name(key) switch
        {
            "user" => now with { User = Text("the account's user", value) },
            "host" => now with { Host = Text("the account's host", value) },
            "password" => now with { Password = Text("the account's password", value) },
            _ => throw Unknown(key, "user, host, password"),
        });
        if (user is not null && password is not null)
        {
            return new ConfiguredAccount(user, host, password);
        }

        if (_errors.Count == before)
        {
            _errors.Add(At(node, "an account needs a user and a password.").Message);
        }

        return null;
    }

    /// <summary>Takes each key that can be used, and keeps what is wrong with the others.</summary>
    private T Each<T>(YamlNode node, string what, T settings, Func<T, YamlNode, YamlNode, T> take)
    {
        try
        {
            foreach (var (key, value) in Map(node, what))
            {
                try
                {
                    settings = take(settings, key, value);
                }
                catch (ConfigurationException error)
                {
                    _errors.Add(error.Message);
                }
            }
        }
        catch (ConfigurationException error)
        {
            _errors.Add(error.Message);
        }

        return settings;
    }

    private IEnumerable<KeyValuePair<YamlNode, YamlNode>> Map(YamlNode node, string what) => node switch
    {
        YamlMappingNode map => map.Children,
        YamlScalarNode { Value: null or "" } => [],
        _ => throw At(node, $"{what} must be a list of 'key: value' lines."),
    };

    private string Name(YamlNode key) => key is YamlScalarNode { Value: { } name } ? name : throw At(key, "a key must be a word.");

    private string Text(string setting, YamlNode node) => At(setting, node, text => text);

    private T At<T>(string setting, YamlNode node, Func<string, T> parse)
    {
        if (node is not YamlScalarNode { Value: { } raw })
        {
            throw At(node, $"{setting}: a single value is expected here.");
        }

        try
        {
            // What came out of an empty file or variable, too: an empty token must not open the API to everybody.
            return SecretReference.Resolve(raw, environment) is var text && !string.IsNullOrWhiteSpace(text)
                ? parse(text)
                : throw new ConfigurationException("the value is empty; give one, or leave the line out.");
        }
        catch (ConfigurationException error)
        {
            throw At(node, $"{setting}: {error.Message}");
        }
    }

    private ConfigurationException Unknown(YamlNode key, string known) => At(key, $"the key '{key}' is not known here; known are {known}.");

    private ConfigurationException At(YamlNode node, string message) => new($"{path}, line {node.Start.Line}: {message}");
}
