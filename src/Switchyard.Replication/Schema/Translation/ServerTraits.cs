using System.Collections.Frozen;
using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>What a server can express in a table definition.</summary>
internal sealed class ServerTraits
{
    private ServerTraits(ServerInfo server, FrozenSet<string> collations, FrozenSet<string> characterSets)
    {
        Server = server;
        Collations = collations;
        CharacterSets = characterSets;
    }

    internal ServerInfo Server { get; }

    /// <summary>Full collation names: MariaDB's newer ones with their character set in front.</summary>
    internal FrozenSet<string> Collations { get; }

    internal FrozenSet<string> CharacterSets { get; }

    internal bool IsMariaDb => Server.IsMariaDb;

    internal bool HasChecks => IsMariaDb || AtLeast(8, 0, 16);

    /// <summary>MySQL since 8.0.13, in parentheses; MariaDB since 10.2.</summary>
    internal bool HasExpressionDefaults => IsMariaDb || AtLeast(8, 0, 13);

    internal bool HasInvisibleColumns => IsMariaDb || AtLeast(8, 0, 23);

    internal bool HasFunctionalIndexes => !IsMariaDb && AtLeast(8, 0, 13);

    /// <summary>INVISIBLE on MySQL, IGNORED on MariaDB.</summary>
    internal bool HasInvisibleIndexes => IsMariaDb ? AtLeast(10, 6, 0) : AtLeast(8, 0, 0);

    internal bool HasDescendingIndexes => IsMariaDb ? AtLeast(10, 8, 0) : AtLeast(8, 0, 1);

    internal bool HasGeneratedColumns => IsMariaDb || AtLeast(5, 7, 6);

    internal bool HasJson => Knows(Server, "json");

    internal bool HasSpatialReference => !IsMariaDb && AtLeast(8, 0, 3);

    internal bool HasSpatialIndexes => IsMariaDb || AtLeast(5, 7, 5);

    /// <summary>AUTO_INCREMENT of FLOAT and DOUBLE; MySQL has given it up.</summary>
    internal bool CountsInFloats => IsMariaDb || !AtLeast(8, 4, 0);

    internal bool HasVector => IsMariaDb ? AtLeast(11, 7, 0) : AtLeast(9, 0, 0);

    internal bool HasVectorIndexes => IsMariaDb && AtLeast(11, 7, 0);

    internal bool HasUuid => Knows(Server, "uuid");

    internal bool HasInet4 => Knows(Server, "inet4");

    internal bool HasInet6 => Knows(Server, "inet6");

    /// <summary>Literals of expressions may have characters that need four bytes in UTF-8.</summary>
    internal bool KeepsWideLiterals => !IsMariaDb || AtLeast(10, 11, 0);

    /// <summary>Names for people: vendor and version.</summary>
    internal string Title => $"{(IsMariaDb ? "MariaDB" : "MySQL")} {Server.Version}";

    /// <summary>Whether a server has a data type, of those that become text where they are missing.</summary>
    internal static bool Knows(ServerInfo server, string dataType) => dataType switch
    {
        "json" => server.IsMariaDb || server.IsAtLeast(ServerVendor.MySql, 5, 7, 8),
        "uuid" => server.IsAtLeast(ServerVendor.MariaDb, 10, 7),
        "inet4" => server.IsAtLeast(ServerVendor.MariaDb, 10, 10),
        "inet6" => server.IsAtLeast(ServerVendor.MariaDb, 10, 5),
        _ => true,
    };

    internal static async Task<ServerTraits> ReadAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        var server = connection.Server;
        var fullNames = server.IsMariaDb && server.Version >= new Version(10, 10);
        var collations = await connection.QueryAsync(
            fullNames
                ? "SELECT full_collation_name AS n FROM information_schema.collation_character_set_applicability"
                : "SELECT collation_name AS n FROM information_schema.collations",
            cancellationToken).ConfigureAwait(false);
        var sets = await connection.QueryAsync("SELECT character_set_name AS n FROM information_schema.character_sets", cancellationToken)
            .ConfigureAwait(false);
        return Create(server, collations.Rows.Select(r => r.GetString("n")), sets.Rows.Select(r => r.GetString("n")));
    }

    internal static ServerTraits Create(ServerInfo server, IEnumerable<string> collations, IEnumerable<string> characterSets) => new(
        server,
        collations.ToFrozenSet(StringComparer.OrdinalIgnoreCase),
        characterSets.ToFrozenSet(StringComparer.OrdinalIgnoreCase));

    private bool AtLeast(int major, int minor, int patch) => Server.Version >= new Version(major, minor, patch);
}
