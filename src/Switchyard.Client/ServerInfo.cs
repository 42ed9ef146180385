using Switchyard.Wire;

namespace Switchyard.Client;

/// <summary>Which family a server belongs to. Forks of MySQL that keep its protocol count as MySQL.</summary>
public enum ServerVendor
{
    MySql,
    MariaDb,
}

/// <summary>What a server said about itself in its greeting.</summary>
/// <param name="Vendor">MariaDB is known by its version text, or by its extended capabilities.</param>
/// <param name="Version">The numbers of the version, without MariaDB's <c>5.5.5-</c> prefix.</param>
/// <param name="VersionString">The version as sent.</param>
/// <param name="ConnectionId">The id the server knows this connection by, as in <c>KILL</c>.</param>
/// <param name="Capabilities">What the server offered.</param>
public sealed record ServerInfo(ServerVendor Vendor, Version Version, string VersionString, uint ConnectionId, Capabilities Capabilities)
{
    private const string CompatibilityPrefix = "5.5.5-";

    /// <summary>Low byte of the server's default collation id.</summary>
    public byte Collation { get; init; }

    public bool IsMariaDb => Vendor == ServerVendor.MariaDb;

    /// <summary>Whether the server is of this vendor and at least this version.</summary>
    public bool IsAtLeast(ServerVendor vendor, int major, int minor, int patch = 0) =>
        Vendor == vendor && Version >= new Version(major, minor, patch);

    internal static ServerInfo Create(Wire.Payloads.HandshakePayload greeting)
    {
        var text = greeting.ServerVersion;
        var isMariaDb = text.Contains("MariaDB", StringComparison.OrdinalIgnoreCase) || (greeting.Capabilities & Capabilities.LongPassword) == 0;
        var numbers = isMariaDb && text.StartsWith(CompatibilityPrefix, StringComparison.Ordinal) ? text[CompatibilityPrefix.Length..] : text;
        return new ServerInfo(isMariaDb ? ServerVendor.MariaDb : ServerVendor.MySql, ParseVersion(numbers), text, greeting.ConnectionId, greeting.Capabilities)
        {
            Collation = greeting.Collation,
        };
    }

    private static Version ParseVersion(string text)
    {
        var end = 0;
        while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == '.'))
        {
            end++;
        }

        var parts = text[..end].Split('.', StringSplitOptions.RemoveEmptyEntries);
        Span<int> numbers = [0, 0, 0];
        for (var i = 0; i < Math.Min(parts.Length, numbers.Length); i++)
        {
            if (!int.TryParse(parts[i], out numbers[i]))
            {
                throw new MalformedPacketException($"The server's version '{text}' does not start with version numbers.");
            }
        }

        return new Version(numbers[0], numbers[1], numbers[2]);
    }
}
