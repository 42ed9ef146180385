using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Switchyard.Proxy.Login;

/// <summary>The host part of an account, matched against a client's address and name as servers do.</summary>
/// <remarks>Source: MySQL and MariaDB <c>compare_hostname</c>: a network by mask, else a pattern over the name or the address.</remarks>
internal static class HostPattern
{
    /// <param name="pattern">The account's host.</param>
    /// <param name="address">The client's address, IPv4-mapped ones as IPv4.</param>
    /// <param name="hostName">The client's name; null where the server does not resolve names or found none.</param>
    public static bool Matches(string pattern, IPAddress address, string? hostName)
    {
        if (pattern.Length == 0)
        {
            return true;
        }

        if (TryParseNetwork(pattern, out var network, out var mask))
        {
            return address.AddressFamily == AddressFamily.InterNetwork && (ToUInt32(address) & mask) == network;
        }

        return MatchesWildcards(pattern, address.ToString()) || (hostName is not null && MatchesWildcards(pattern, hostName));
    }

    /// <summary>Whether matching may need the client's name: the pattern is neither all hosts nor made of an address.</summary>
    public static bool MayBeName(string pattern) =>
        pattern is not ("" or "%") && !TryParseNetwork(pattern, out _, out _) && !IPAddress.TryParse(pattern, out _) &&
        pattern.AsSpan().ContainsAnyExcept("0123456789.%_:");

    /// <summary>An IPv4 network as <c>address/mask</c> or, on MySQL from 8.0.23, <c>address/bits</c>.</summary>
    public static bool TryParseNetwork(string pattern, out uint network, out uint mask)
    {
        network = mask = 0;
        var slash = pattern.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !IPAddress.TryParse(pattern.AsSpan(0, slash), out var address) || address.AddressFamily != AddressFamily.InterNetwork)
        {
            return false;
        }

        var right = pattern.AsSpan(slash + 1);
        if (int.TryParse(right, NumberStyles.None, CultureInfo.InvariantCulture, out var bits) && bits is >= 0 and <= 32)
        {
            mask = bits == 0 ? 0 : uint.MaxValue << (32 - bits);
        }
        else if (IPAddress.TryParse(right, out var maskAddress) && maskAddress.AddressFamily == AddressFamily.InterNetwork)
        {
            mask = ToUInt32(maskAddress);
        }
        else
        {
            return false;
        }

        network = ToUInt32(address);
        return true;
    }

    private static uint ToUInt32(IPAddress address) => System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(address.GetAddressBytes());

    /// <summary>SQL wildcards without regard to case; a backslash takes the next character as it is.</summary>
    private static bool MatchesWildcards(ReadOnlySpan<char> pattern, ReadOnlySpan<char> text)
    {
        while (!pattern.IsEmpty)
        {
            switch (pattern[0])
            {
                case '%':
                    var rest = pattern.TrimStart('%');
                    if (rest.IsEmpty)
                    {
                        return true;
                    }

                    for (var i = 0; i <= text.Length; i++)
                    {
                        if (MatchesWildcards(rest, text[i..]))
                        {
                            return true;
                        }
                    }

                    return false;
                case '\\' when pattern.Length > 1:
                    pattern = pattern[1..];
                    goto default;
                case '_':
                    if (text.IsEmpty)
                    {
                        return false;
                    }

                    break;
                default:
                    if (text.IsEmpty || char.ToLowerInvariant(pattern[0]) != char.ToLowerInvariant(text[0]))
                    {
                        return false;
                    }

                    break;
            }

            pattern = pattern[1..];
            text = text[1..];
        }

        return text.IsEmpty;
    }
}
