using System.Globalization;
using System.Text;

namespace Switchyard.Client;

/// <summary>The text form of <see cref="ConnectionOptions"/>.</summary>
internal static class Dsn
{
    private const string Shape = "A backend is given as mysql://user:password@host:port/schema?ssl-mode=preferred";
    private const string Unencoded = $"{Shape}; in user and password write ? as %3F, @ as %40 and % as %25.";
    private const string KnownParameters = "ssl-mode, ssl-ca, ssl-cert, ssl-key, connect-timeout, command-timeout, get-server-public-key";

    public static ConnectionOptions Parse(string dsn)
    {
        var rest = dsn switch
        {
            _ when dsn.StartsWith("mysql://", StringComparison.OrdinalIgnoreCase) => dsn["mysql://".Length..],
            _ when dsn.StartsWith("mariadb://", StringComparison.OrdinalIgnoreCase) => dsn["mariadb://".Length..],
            _ => throw new FormatException($"{Shape}; this one does not begin with mysql://."),
        };
        var queryStart = rest.IndexOf('?', StringComparison.Ordinal);
        var query = queryStart < 0 ? "" : rest[(queryStart + 1)..];
        rest = queryStart < 0 ? rest : rest[..queryStart];
        if (!rest.Contains('@', StringComparison.Ordinal) && rest.Contains(':', StringComparison.Ordinal) && query.Contains('@', StringComparison.Ordinal))
        {
            throw new FormatException(Unencoded);
        }

        // The last '@' ends the credentials, so that an unencoded one in a password still works.
        var at = rest.LastIndexOf('@');
        var credentials = at < 0 ? "" : rest[..at];
        rest = rest[(at + 1)..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var address = slash < 0 ? rest : rest[..slash];
        var schema = slash < 0 ? "" : Decode(rest[(slash + 1)..]);

        var (host, port) = ParseAddress(address);
        var colon = credentials.IndexOf(':', StringComparison.Ordinal);
        var user = Decode(colon < 0 ? credentials : credentials[..colon]);
        var options = new ConnectionOptions
        {
            Host = host,
            Port = port,
            User = user.Length == 0 ? "root" : user,
            Password = colon < 0 ? null : Decode(credentials[(colon + 1)..]) is { Length: > 0 } password ? password : null,
            Schema = schema.Length == 0 ? null : schema,
        };
        return ApplyAll(options, query);
    }

    public static string Format(ConnectionOptions options, bool redact)
    {
        var text = new StringBuilder("mysql://").Append(Uri.EscapeDataString(options.User));
        if (options.Password is { Length: > 0 } password)
        {
            text.Append(':').Append(redact ? "***" : Uri.EscapeDataString(password));
        }

        text.Append('@').Append(options.Host.Contains(':', StringComparison.Ordinal) ? $"[{options.Host}]" : options.Host);
        text.Append(CultureInfo.InvariantCulture, $":{options.Port}/{Uri.EscapeDataString(options.Schema ?? "")}");
        var separator = '?';
        void Add(string name, string value)
        {
            text.Append(separator).Append(name).Append('=').Append(Uri.EscapeDataString(value));
            separator = '&';
        }

        if (options.SslMode != SslMode.Preferred)
        {
            Add("ssl-mode", options.SslMode switch
            {
                SslMode.VerifyCa => "verify-ca",
                SslMode.VerifyIdentity => "verify-identity",
                SslMode.Required => "required",
                _ => "disabled",
            });
        }

        if (options.SslCa is not null)
        {
            Add("ssl-ca", options.SslCa);
        }

        if (options.SslCert is not null)
        {
            Add("ssl-cert", options.SslCert);
        }

        if (options.SslKey is not null)
        {
            Add("ssl-key", options.SslKey);
        }

        if (options.ConnectTimeout != TimeSpan.FromSeconds(10))
        {
            Add("connect-timeout", options.ConnectTimeout.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        }

        if (options.CommandTimeout is { } commandTimeout)
        {
            Add("command-timeout", commandTimeout.TotalSeconds.ToString(CultureInfo.InvariantCulture));
        }

        if (!options.AllowPublicKeyRetrieval)
        {
            Add("get-server-public-key", "false");
        }

        return text.ToString();
    }

    private static (string Host, int Port) ParseAddress(string address)
    {
        string host;
        string port;
        if (address.StartsWith('['))
        {
            var end = address.IndexOf(']', StringComparison.Ordinal);
            if (end < 0)
            {
                throw new FormatException("The address opens a bracket and does not close it; write [::1]:3306.");
            }

            host = address[1..end];
            port = address[(end + 1)..].TrimStart(':');
        }
        else
        {
            var colon = address.LastIndexOf(':');
            host = colon < 0 ? address : address[..colon];
            port = colon < 0 ? "" : address[(colon + 1)..];
        }

        if (host.Length == 0)
        {
            throw new FormatException($"{Shape}; this one names no host.");
        }

        var number = 3306;
        if (port.Length > 0 && (!int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out number) || number is < 1 or > 65535))
        {
            // Not quoted: without an '@' it is the password.
            throw new FormatException($"{Shape}; the port of this one is not a number from 1 to 65535.");
        }

        return (host, number);
    }

    private static ConnectionOptions ApplyAll(ConnectionOptions options, string query)
    {
        try
        {
            foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
            {
                var equals = pair.IndexOf('=', StringComparison.Ordinal);
                options = equals < 0
                    ? throw new FormatException($"The parameter '{pair}' of the backend has no value; write {pair}=….")
                    : Apply(options, pair[..equals], Decode(pair[(equals + 1)..]));
            }
        }
        catch (FormatException) when (query.Contains('@', StringComparison.Ordinal))
        {
            // What these sentences quote would be a piece of the password.
            throw new FormatException(Unencoded);
        }

        return options;
    }

    private static ConnectionOptions Apply(ConnectionOptions options, string name, string value) => name.ToLowerInvariant() switch
    {
        "ssl-mode" => options with { SslMode = ParseSslMode(value) },
        "ssl-ca" => options with { SslCa = value },
        "ssl-cert" => options with { SslCert = value },
        "ssl-key" => options with { SslKey = value },
        "connect-timeout" => options with { ConnectTimeout = ParseSeconds(name, value) },
        "command-timeout" => options with { CommandTimeout = ParseSeconds(name, value) },
        "get-server-public-key" => options with
        {
            AllowPublicKeyRetrieval = bool.TryParse(value, out var allowed)
                ? allowed
                : throw new FormatException($"get-server-public-key is true or false, not '{value}'."),
        },
        _ => throw new FormatException($"The parameter '{name}' is not known; known are {KnownParameters}."),
    };

    private static SslMode ParseSslMode(string value) => value.Replace('_', '-').ToLowerInvariant() switch
    {
        "disabled" => SslMode.Disabled,
        "preferred" => SslMode.Preferred,
        "required" => SslMode.Required,
        "verify-ca" => SslMode.VerifyCa,
        "verify-identity" => SslMode.VerifyIdentity,
        _ => throw new FormatException($"ssl-mode is disabled, preferred, required, verify-ca or verify-identity, not '{value}'."),
    };

    private static TimeSpan ParseSeconds(string name, string value) =>
        double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and < 86400
            ? TimeSpan.FromSeconds(seconds)
            : throw new FormatException($"{name} is a number of seconds above 0 and below 86400, not '{value}'.");

    private static string Decode(string text) => Uri.UnescapeDataString(text);
}
