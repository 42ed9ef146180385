using System.CommandLine;
using Switchyard.Configuration;
using Switchyard.Hosting;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.Cli;

/// <summary><c>serve</c>: settings from defaults, then the file, then the command line.</summary>
internal static class ServeVerb
{
    public const string DataVariable = "SWITCHYARD_DATA";

    private static readonly Option<string?> s_config = new("--config") { Description = "Settings file, switchyard.yaml", HelpName = "FILE" };
    private static readonly Option<string?> s_data = new("--data") { Description = $"Working data directory (or {DataVariable}); default ./switchyard-data", HelpName = "DIR" };
    private static readonly Option<string?> s_store = new("--store") { Description = "The store's SQLite file; default switchyard.db in the data directory", HelpName = "FILE" };
    private static readonly Option<string?> s_proxyListen = new("--proxy-listen") { Description = "Where clients connect; default 127.0.0.1:4306", HelpName = "H:P" };
    private static readonly Option<string?> s_proxyNetworks = new("--proxy-protocol-networks") { Description = "Load balancers whose PROXY headers (v1, v2) name the client", HelpName = "NET,NET" };
    private static readonly Option<string?> s_apiListen = new("--api-listen") { Description = "API and console; default 127.0.0.1:4380. Anywhere but loopback needs a token", HelpName = "H:P" };
    private static readonly Option<string[]> s_backend = new("--backend") { Description = "Attach to a server; may be repeated", HelpName = "NAME=DSN" };
    private static readonly Option<string?> s_defaultBackend = new("--default-backend") { Description = "Answers for tables without a rule; default the first backend", HelpName = "NAME" };

    public static Command Create()
    {
        var command = new Command("serve", "Run proxy, controller, API and console in one process") { s_config, s_data, s_store, s_proxyListen, s_proxyNetworks, s_apiListen, s_backend, s_defaultBackend };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult result, CancellationToken cancellationToken)
    {
        try
        {
            var settings = Read(result, Environment.GetEnvironmentVariable);
            settings.Validate();
            return await ServeHost.RunAsync(settings, cancellationToken) ? ExitCode.Done : ExitCode.Failed;
        }
        catch (ConfigurationException error)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return ExitCode.Usage;
        }
        catch (MigrationException error)
        {
            await Console.Error.WriteLineAsync($"{error.Message} {error.Remedy}");
            return error.ExitCode;
        }
        catch (Exception error) when (error is TopologyStoreException or ListenException)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return ExitCode.Refused;
        }
    }

    private static ServeSettings Read(ParseResult result, Func<string, string?> environment)
    {
        var settings = new ServeSettings { ApiToken = environment(GlobalOptions.TokenVariable)?.Trim() };
        if (environment(DataVariable) is { Length: > 0 } data)
        {
            settings = settings with { DataDirectory = data };
        }

        var errors = new List<string>();
        void Take(Action take)
        {
            try
            {
                take();
            }
            catch (ConfigurationException error)
            {
                errors.Add(error.Message);
            }
        }

        void Given<T>(Option<string?> option, Func<string, T> parse, Func<T, ServeSettings> with)
        {
            if (result.GetValue(option) is { } text)
            {
                Take(() => settings = with(Named(option.Name, text, parse)));
            }
        }

        if (result.GetValue(s_config) is { } config)
        {
            Take(() => settings = YamlSettings.Load(config, settings, environment));
        }

        var backends = new List<KeyValuePair<string, string>>();
        foreach (var text in result.GetValue(s_backend) ?? [])
        {
            Take(() =>
            {
                var (name, dsn) = SettingParsers.Backend(text);
                backends.Add(KeyValuePair.Create(name, Named($"{s_backend.Name} {name}", SecretReference.Resolve(dsn, environment), SettingParsers.Dsn)));
            });
        }

        var names = backends.Select(backend => backend.Key).ToHashSet(StringComparer.Ordinal);
        settings = settings with { Backends = [.. settings.Backends.Where(backend => !names.Contains(backend.Key)), .. backends] };
        Given(s_data, text => text, data => settings with { DataDirectory = data });
        Given(s_store, SettingParsers.Store, store => settings with { Store = store });
        Given(s_proxyListen, text => SettingParsers.EndPoint(text, ServeSettings.DefaultProxyPort), listen => settings with { ProxyListen = listen });
        Given(s_proxyNetworks, SettingParsers.Networks, networks => settings with { ProxyProtocolNetworks = networks });
        Given(s_apiListen, text => SettingParsers.EndPoint(text, ServeSettings.DefaultApiPort), listen => settings with { ApiListen = listen });
        Given(s_defaultBackend, SettingParsers.BackendName, name => settings with { DefaultBackend = name });
        Take(() => settings = settings with { ApiToken = GivenToken(result) ?? settings.ApiToken });
        return errors.Count == 0 ? settings : throw new ConfigurationException(string.Join(Environment.NewLine, errors));
    }

    private static T Named<T>(string option, string text, Func<string, T> parse)
    {
        try
        {
            return string.IsNullOrWhiteSpace(text) ? throw new ConfigurationException("the value is empty; give one, or leave it out.") : parse(text);
        }
        catch (ConfigurationException error)
        {
            throw new ConfigurationException($"{option}: {error.Message}");
        }
    }

    // Not what the variable says, which is weaker than the file.
    private static string? GivenToken(ParseResult result) =>
        result.GetResult(GlobalOptions.Token) is not { Implicit: false } ? null
        : result.GetValue(GlobalOptions.Token)?.Trim() is { Length: > 0 } token ? token
        : throw new ConfigurationException("--token is empty; give a token, or leave it out.");
}
