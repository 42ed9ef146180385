using System.CommandLine;
using System.CommandLine.Parsing;
using Switchyard.Configuration;

namespace Switchyard.Cli;

/// <summary>Options every verb has.</summary>
internal static class GlobalOptions
{
    public const string ServerVariable = "SWITCHYARD_SERVER";
    public const string TokenVariable = "SWITCHYARD_TOKEN";

    public static Option<string> Format { get; } = new("--format")
    {
        Description = "How to answer: text for people, or json, one document on standard output",
        HelpName = "text|json",
        DefaultValueFactory = _ => "text",
        Recursive = true,
    };

    public static Option<Uri> Server { get; } = new("--server")
    {
        Description = $"Where Switchyard runs (or {ServerVariable})",
        HelpName = "URL",
        Recursive = true,
        DefaultValueFactory = result => Try(result, Environment.GetEnvironmentVariable(ServerVariable) is { Length: > 0 } named ? named : "http://127.0.0.1:4380", ParseServer)!,
        CustomParser = result => Try(result, ParseServer),
    };

    public static Option<string?> Token { get; } = new("--token")
    {
        Description = $"The API's token (or {TokenVariable})",
        HelpName = "TOKEN",
        Recursive = true,
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable(TokenVariable),
    };

    public static void AddTo(RootCommand root)
    {
        Format.AcceptOnlyFromAmong("text", "json");
        root.Options.Add(Format);
        root.Options.Add(Server);
        root.Options.Add(Token);
    }

    /// <summary>An option for a time like <c>30s</c>; null when it is not given.</summary>
    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = result => Try<TimeSpan?>(result, text => SettingParsers.Duration(text)),
    };

    /// <summary>An option for a whole number; null when it is not given.</summary>
    public static Option<int?> Number(string name, string description, int least, int most) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => Try<int?>(result, text => int.TryParse(text, out var value) && value >= least && value <= most
            ? value
            : throw new ConfigurationException($"{name} cannot be '{text}'; it is a whole number from {least} to {most}.")),
    };

    public static Argument<long> SessionId() => new("ID")
    {
        Description = "The session's id, as 'session list' shows it; not its connection's on a server",
        CustomParser = result => Try(result, text => long.TryParse(text, out var id)
            ? id
            : throw new ConfigurationException($"'{text}' is not a session's id, which is a number; see: switchyard session list")),
    };

    /// <summary>Comma-separated or repeated names; null when the option is not given.</summary>
    public static Option<string[]?> Names(string name, string description, bool mayBeNone = false) => new(name)
    {
        Description = description,
        HelpName = "a,b",
        CustomParser = result =>
        {
            string[] names = [.. result.Tokens.SelectMany(token => Split(token.Value))];
            if (names.Length == 0 && !mayBeNone)
            {
                // An empty variable of a script, say, which would otherwise mean all.
                result.AddError($"{name} is empty; give names separated by commas, or leave it out.");
            }

            return names;
        },
    };

    internal static string[] Split(string names) => names.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>An option for one of an enumeration's names as the contract spells them; the first one when it is not given.</summary>
    public static Option<T> Choice<T>(string name, string description)
        where T : struct, Enum
    {
        var words = Enum.GetValues<T>().ToDictionary(Word, value => value);
        return new Option<T>(name)
        {
            Description = description,
            HelpName = string.Join('|', words.Keys),
            CustomParser = result => Try(result, text => words.TryGetValue(text, out var value)
                ? value
                : throw new ConfigurationException($"{name} cannot be '{text}'; it is one of {string.Join(", ", words.Keys)}.")),
        };
    }

    private static string Word<T>(T value)
        where T : struct, Enum => System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    private static Uri ParseServer(string text) =>
        Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            ? uri
            : throw new ConfigurationException($"'{text}' is not the address of a server; write for example http://127.0.0.1:4380.");

    private static T? Try<T>(ArgumentResult result, Func<string, T> parse) => Try(result, result.Tokens[^1].Value, parse);

    private static T? Try<T>(ArgumentResult result, string text, Func<string, T> parse)
    {
        try
        {
            return parse(text);
        }
        catch (ConfigurationException error)
        {
            result.AddError(error.Message);
            return default;
        }
    }
}
