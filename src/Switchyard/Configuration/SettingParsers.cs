using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Switchyard.Client;

namespace Switchyard.Configuration;

/// <summary>Turns the text of a setting or an option into its value, or says what to write.</summary>
internal static partial class SettingParsers
{
    public static IPEndPoint EndPoint(string text, int defaultPort)
    {
        var value = text.Replace("localhost", "127.0.0.1", StringComparison.OrdinalIgnoreCase);
        if (value.StartsWith(':'))
        {
            value = "0.0.0.0" + value;
        }

        // A bare number would be an address, too: 4306 is 0.0.16.210.
        return IPEndPoint.TryParse(value, out var endPoint) && IsWritten(endPoint.Address, value)
            ? new IPEndPoint(endPoint.Address, endPoint.Port == 0 && !value.EndsWith(":0", StringComparison.Ordinal) ? defaultPort : endPoint.Port)
            : throw new ConfigurationException($"'{text}' is not an address to listen on; write IP:PORT, for example 127.0.0.1:{defaultPort}.");
    }

    /// <summary>Reads <c>30s</c>, <c>500ms</c>, <c>2m</c>, <c>1h</c>; a bare number is seconds.</summary>
    public static TimeSpan Duration(string text)
    {
        var match = DurationPattern().Match(text.Trim());
        if (!match.Success || !double.TryParse(match.Groups[1].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount))
        {
            throw new ConfigurationException($"'{text}' is not a time; write for example 30s, 500ms or 2m.");
        }

        var seconds = match.Groups[2].Value switch
        {
            "ms" => amount / 1000,
            "m" => amount * 60,
            "h" => amount * 3600,
            _ => amount,
        };
        return seconds <= TimeSpan.FromDays(7).TotalSeconds
            ? TimeSpan.FromSeconds(seconds)
            : throw new ConfigurationException($"'{text}' is longer than a week; write a shorter time.");
    }

    /// <summary>A <see cref="Duration"/> that something is given; none would fail it always.</summary>
    public static TimeSpan Limit(string text) => Duration(text) is { Ticks: > 0 } limit
        ? limit
        : throw new ConfigurationException($"'{text}' is no time at all; write for example 10s.");

    public static int Count(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0
        ? count
        : throw new ConfigurationException($"'{text}' is not a positive number; write a whole number from 1 to {int.MaxValue}.");

    /// <summary>By name only: a number would be read as one, known or not.</summary>
    public static LogLevel Level(string text) => Enum.GetValues<LogLevel>().Where(level => level != LogLevel.None)
        .Select(level => (LogLevel?)level).FirstOrDefault(level => string.Equals(level.ToString(), text, StringComparison.OrdinalIgnoreCase))
        ?? throw new ConfigurationException($"'{text}' is not a log level; use trace, debug, information, warning, error or critical.");

    /// <summary>Reads a path, or <c>sqlite:PATH</c>. Another scheme is not repeated with what follows it, which may be a password.</summary>
    public static string Store(string text) => text.IndexOf("://", StringComparison.Ordinal) is not (> 0 and var end) || text.StartsWith("sqlite:", StringComparison.Ordinal)
        ? text
        : throw new ConfigurationException($"this version keeps its store in an SQLite file; {text[..end]}:// is not supported. Leave it out, or name a file.");

    /// <exception cref="ConfigurationException">It cannot be a server's; the message has no secret of it.</exception>
    public static string Dsn(string text)
    {
        try
        {
            ConnectionOptions.Parse(text);
            return text;
        }
        catch (FormatException error)
        {
            throw new ConfigurationException(error.Message);
        }
    }

    /// <summary>Reads <c>10.0.0.0/8, 192.168.1.5</c>; an address alone is that address.</summary>
    public static ImmutableArray<IPNetwork> Networks(string text) =>
    [
        .. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(part =>
            IPAddress.TryParse(part, out var address) && IsWritten(address, part) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
            : IPNetwork.TryParse(part, out var network) && IsWritten(network.BaseAddress, part) ? network
            : throw new ConfigurationException($"'{part}' is not a network; write for example 10.0.0.0/8 or 192.168.1.5.")),
    ];

    public static bool Boolean(string text) => text switch
    {
        "true" or "yes" or "on" => true,
        "false" or "no" or "off" => false,
        _ => throw new ConfigurationException($"'{text}' is neither true nor false; write one of them."),
    };

    /// <summary>Reads <c>NAME=DSN</c>.</summary>
    public static KeyValuePair<string, string> Backend(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var scheme = text.IndexOf("://", StringComparison.Ordinal);
        if (equals <= 0 || (scheme >= 0 && scheme < equals))
        {
            throw new ConfigurationException("A backend is given as NAME=DSN, for example --backend old=mysql://admin:password@db1:3306/.");
        }

        return KeyValuePair.Create(BackendName(text[..equals]), text[(equals + 1)..]);
    }

    public static string BackendName(string name) => NamePattern().IsMatch(name)
        ? name
        : throw new ConfigurationException($"'{name}' cannot name a backend; use up to 40 letters, digits, hyphens and underscores.");

    /// <summary>All four numbers of an address stand there.</summary>
    private static bool IsWritten(IPAddress address, string text) => address.AddressFamily == AddressFamily.InterNetworkV6 || text.Count(c => c == '.') == 3;

    [GeneratedRegex("^([0-9]*\\.?[0-9]+)(ms|s|m|h)?$", RegexOptions.CultureInvariant)]
    private static partial Regex DurationPattern();

    [GeneratedRegex("^[A-Za-z0-9_-]{1,40}$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
