using System.Globalization;
using System.Text;

namespace Switchyard.Proxy.Legs;

/// <summary>Connection attributes of a leg: the client's own, behind the proxy's.</summary>
internal static class LegAttributes
{
    /// <summary>Names the proxy a leg belongs to: by it a leg whose proxy is gone is found and ended.</summary>
    private const string Proxy = "_switchyard_proxy";

    private const string Session = "_switchyard_session";

    /// <summary>Where the client connects from, which the server does not see by itself.</summary>
    private const string Client = "_switchyard_client";

    /// <summary>Servers refuse more than 64 KiB in all; each text has a length of up to 3 bytes in front.</summary>
    private const int MaxBytes = 64 * 1024 - 1;

    private const int LengthBytes = 3;

    /// <summary>
    /// Ours come first: servers keep no more than <c>performance_schema_session_connect_attrs_size</c> bytes, 512 by default, and cut the end.
    /// A client's attribute of one of our names is left out, and so is what would go beyond a server's limit.
    /// </summary>
    public static IReadOnlyDictionary<string, string> For(LegTerms terms, string proxyId)
    {
        var attributes = new OrderedDictionary<string, string>(StringComparer.Ordinal)
        {
            [Proxy] = proxyId,
            [Session] = terms.SessionId.ToString(CultureInfo.InvariantCulture),
            [Client] = terms.Client.ToString(),
        };
        var bytes = attributes.Sum(own => Size(own.Key, own.Value));
        foreach (var (name, value) in terms.Attributes)
        {
            var size = Size(name, value);
            if (bytes + size <= MaxBytes && attributes.TryAdd(name, value))
            {
                bytes += size;
            }
        }

        return attributes;
    }

    private static int Size(string name, string value) => (2 * LengthBytes) + Encoding.UTF8.GetByteCount(name) + Encoding.UTF8.GetByteCount(value);
}
