using System.Net;
using Switchyard.Client;

namespace Switchyard.Proxy.Login;

/// <summary>Ranks accounts as the server does: it takes the first that matches, so a more specific host wins over a more specific user.</summary>
internal static class AccountOrder
{
    /// <summary>
    /// Less comes first. Equal ranks are those the server itself leaves to chance: MySQL does not tell <c>%</c> from <c>%.example.com</c>.
    /// </summary>
    public static (long, long, long, long, long, bool) Rank(Account account, ServerInfo server)
    {
        var isAnonymous = account.User.Length == 0;
        if (server.IsMariaDb)
        {
            var (first, second, third, fourth, fifth) = MariaDbWeight(account.Host);
            return (first, second, third, fourth, fifth, isAnonymous);
        }

        var byAddress = server.IsAtLeast(ServerVendor.MySql, 8, 0, 23);
        return (byAddress ? AddressRank(account.Host) : 0, byAddress ? -(long)Mask(account.Host) : 0, -MySqlWeight(account.Host), 0, 0, isAnonymous);
    }

    /// <summary>MySQL before names: an address, then a network by bits, then one by mask; other hosts after them.</summary>
    /// <remarks>Source: MySQL manual, "Access Control, Stage 1", on accounts with an IP address in the host part as of 8.0.23.</remarks>
    private static int AddressRank(string host)
    {
        if (IPAddress.TryParse(host, out var address) && address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork)
        {
            return 0;
        }

        return !HostPattern.TryParseNetwork(host, out _, out _) ? 3 : host[(host.IndexOf('/', StringComparison.Ordinal) + 1)..].Contains('.', StringComparison.Ordinal) ? 2 : 1;
    }

    private static uint Mask(string host) => HostPattern.TryParseNetwork(host, out _, out var mask) ? mask : 0;

    /// <summary>A literal beats any pattern; a pattern is as specific as its wildcard is late; no host at all comes last.</summary>
    /// <remarks>Source: MySQL <c>get_sort</c>, whose weights are 128, the position of the first wildcard up to 127, and 0.</remarks>
    private static int MySqlWeight(string host)
    {
        for (var i = 0; i < host.Length; i++)
        {
            if (host[i] == '\\' && i + 1 < host.Length)
            {
                i++;
            }
            else if (host[i] is '%' or '_')
            {
                return Math.Min(i + 1, 127);
            }
        }

        return host.Length == 0 ? 0 : 128;
    }

    /// <summary>How many texts a pattern can match, as a number to compare by: less is more specific.</summary>
    /// <remarks>Source: the explanation at MariaDB's <c>get_magic_sort</c>: compare by the longest text a '%' can take, how many there are, how many '_'.</remarks>
    private static (int, int, int, int, int) MariaDbWeight(string host)
    {
        const int maxLength = 255;
        int literals = 0, ones = 0, manys = 0, prefix = 0;
        var pattern = host.Length == 0 ? "%" : host;
        for (var i = 0; i < pattern.Length; i++)
        {
            switch (pattern[i])
            {
                case '%':
                    prefix = manys + ones == 0 ? literals : prefix;
                    manys++;
                    while (i + 1 < pattern.Length && pattern[i + 1] == '%')
                    {
                        i++;
                    }

                    break;
                case '_':
                    prefix = manys + ones == 0 ? literals : prefix;
                    ones++;
                    break;
                case '\\' when i + 1 < pattern.Length:
                    i++;
                    literals++;
                    break;
                default:
                    literals++;
                    break;
            }
        }

        manys = Math.Min(manys, 31);
        ones = Math.Min(ones, 31);
        var longest = manys == 0 ? 0 : maxLength - literals - ones;
        return longest > ones ? (longest, 1, manys, ones, prefix) : (ones, 0, longest, manys, prefix);
    }
}
