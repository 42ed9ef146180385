using System.Collections.Immutable;
using Switchyard.Proxy.Login;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Switchyard.Configuration;

/// <summary>Reads <c>switchyard.yaml</c>. A key it does not know is refused with its line: a misspelt limit must not be silently none.</summary>
internal sealed class YamlSettings(string path, Func<string, string?> environment)
{
    /// <summary>The settings of the file, over the given ones.</summary>
    /// <exception cref="ConfigurationException">With the file and the line.</exception>
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

        return stream.Documents.Count == 0 ? settings : Root(stream.Documents[0].RootNode, settings);
    }

    private ServeSettings Root(YamlNode node, ServeSettings settings)
    {
        foreach (var (key, value) in Map(node, "the configuration"))
        {
            settings = Name(key) switch
            {
                "data" => settings with { DataDirectory = Text(value) },
                "store" => settings with { Store = Text(value) },
                "proxy" => Proxy(value, settings),
                "api" => Api(value, settings),
                "backends" => Backends(value, settings),
                "accounts" => settings with { Accounts = Accounts(value) },
                "default-backend" => settings with { DefaultBackend = At(value, SettingParsers.BackendName) },
                "log-level" => settings with { LogLevel = At(value, Level) },
                _ => throw Unknown(key, "data, store, proxy, api, backends, accounts, default-backend, log-level"),
            };
        }

        return settings;
    }

    private ServeSettings Proxy(YamlNode node, ServeSettings settings)
    {
        foreach (var (key, value) in Map(node, "proxy"))
        {
            settings = Name(key) switch
            {
                "listen" => settings with { ProxyListen = At(value, text => SettingParsers.EndPoint(text, ServeSettings.DefaultProxyPort)) },
                "max-connections" => settings with { ProxyMaxConnections = At(value, Count) },
                "login-timeout" => settings with { ProxyLoginTimeout = At(value, SettingParsers.Duration) },
                "proxy-protocol-networks" => settings with { ProxyProtocolNetworks = At(value, SettingParsers.Networks) },
                "tls" => Tls(value, settings),
                _ => throw Unknown(key, "listen, max-connections, login-timeout, proxy-protocol-networks, tls"),
            };
        }

        return settings;
    }

    private ServeSettings Tls(YamlNode node, ServeSettings settings)
    {
        foreach (var (key, value) in Map(node, "proxy.tls"))
        {
            settings = Name(key) switch
            {
                "certificate" => settings with { ProxyTlsCertificate = Text(value) },
                "key" => settings with { ProxyTlsKey = Text(value) },
                "required" => settings with { ProxyTlsRequired = At(value, SettingParsers.Boolean) },
                _ => throw Unknown(key, "certificate, key, required"),
            };
        }

        return settings;
    }

    private ServeSettings Api(YamlNode node, ServeSettings settings)
    {
        foreach (var (key, value) in Map(node, "api"))
        {
            settings = Name(key) switch
            {
                "listen" => settings with { ApiListen = At(value, text => SettingParsers.EndPoint(text, ServeSettings.DefaultApiPort)) },
                "token" => settings with { ApiToken = At(value, Token) },
                _ => throw Unknown(key, "listen, token"),
            };
        }

        return settings;
    }

    private ServeSettings Backends(YamlNode node, ServeSettings settings)
    {
        var backends = settings.Backends.ToBuilder();
        foreach (var (key, value) in Map(node, "backends"))
        {
            backends.Add(KeyValuePair.Create(At(key, SettingParsers.BackendName), Text(value)));
        }

        return settings with { Backends = backends.ToImmutable() };
    }

    private ImmutableArray<ConfiguredAccount> Accounts(YamlNode node) => node is YamlSequenceNode list
        ? [.. list.Children.Select(Account)]
        : throw At(node, "accounts must be a list, each with '- user:', 'host:' and 'password:'.");

    private ConfiguredAccount Account(YamlNode node)
    {
        string? user = null, password = null;
        var host = "%";
        foreach (var (key, value) in Map(node, "an account"))
        {
            switch (Name(key))
            {
                case "user":
                    user = Text(value);
                    break;
                case "host":
                    host = Text(value);
                    break;
                case "password":
                    password = Text(value);
                    break;
                default:
                    throw Unknown(key, "user, host, password");
            }
        }

        return user is not null && password is { Length: > 0 }
            ? new ConfiguredAccount(user, host, password)
            : throw At(node, "an account needs a user and a password.");
    }

    private IEnumerable<KeyValuePair<YamlNode, YamlNode>> Map(YamlNode node, string what) => node switch
    {
        YamlMappingNode map => map.Children,
        YamlScalarNode { Value: null or "" } => [],
        _ => throw At(node, $"{what} must be a list of 'key: value' lines."),
    };

    private string Name(YamlNode key) => key is YamlScalarNode { Value: { } name } ? name : throw At(key, "a key must be a word.");

    private string Text(YamlNode node) => At(node, text => text);

    private T At<T>(YamlNode node, Func<string, T> parse)
    {
        if (node is not YamlScalarNode { Value: { } raw })
        {
            throw At(node, "a single value is expected here.");
        }

        try
        {
            return parse(SecretReference.Resolve(raw, environment));
        }
        catch (ConfigurationException error)
        {
            throw At(node, error.Message);
        }
    }

    private ConfigurationException Unknown(YamlNode key, string known) => At(key, $"the key '{key}' is not known here; known are {known}.");

    private ConfigurationException At(YamlNode node, string message) => new($"{path}, line {node.Start.Line}: {message}");

    // An empty file must not open the API to everybody.
    private static string Token(string text) => text.Trim() is { Length: > 0 } token
        ? token
        : throw new ConfigurationException("the token is empty; give one, or leave the line out.");

    private static LogLevel Level(string text) => Enum.TryParse<LogLevel>(text, ignoreCase: true, out var level)
        ? level
        : throw new ConfigurationException($"'{text}' is not a log level; use trace, debug, information, warning, error or critical.");

    private static int Count(string text) => int.TryParse(text, out var count) && count > 0
        ? count
        : throw new ConfigurationException($"'{text}' is not a positive number.");
}
