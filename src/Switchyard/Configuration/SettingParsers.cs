using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

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

        return IPEndPoint.TryParse(value, out var endPoint)
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

    /// <summary>Reads <c>10.0.0.0/8, 192.168.1.5</c>; an address alone is that address.</summary>
    public static ImmutableArray<IPNetwork> Networks(string text) =>
    [
        .. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(part =>
            IPAddress.TryParse(part, out var address) ? new IPNetwork(address, address.GetAddressBytes().Length * 8)
            : IPNetwork.TryParse(part, out var network) ? network
            : throw new ConfigurationException($"'{part}' is not a network; write for example 10.0.0.0/8 or 192.168.1.5.")),
    ];

    public static bool Boolean(string text) => text switch
    {
        "true" or "yes" or "on" => true,
        "false" or "no" or "off" => false,
        _ => throw new ConfigurationException($"'{text}' is neither true nor false."),
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

    [GeneratedRegex("^([0-9]*\\.?[0-9]+)(ms|s|m|h)?$", RegexOptions.CultureInvariant)]
    private static partial Regex DurationPattern();

    [GeneratedRegex("^[A-Za-z0-9_-]{1,40}$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
