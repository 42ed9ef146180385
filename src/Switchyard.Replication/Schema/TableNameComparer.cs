using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>Compares the names of tables as a server does, which may ignore their case.</summary>
public sealed class TableNameComparer(bool ignoreCase) : IEqualityComparer<TableName>
{
    /// <summary>Compares the names of schemas.</summary>
    public StringComparer Strings { get; } = ignoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>As the server at the other end of a connection does.</summary>
    public static async Task<TableNameComparer> ReadAsync(BackendConnection server, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(server);
        var names = await server.QueryAsync("SELECT @@lower_case_table_names", cancellationToken).ConfigureAwait(false);
        return new TableNameComparer(names.GetString(0, 0) != "0");
    }

    /// <inheritdoc/>
    public bool Equals(TableName x, TableName y) => Strings.Equals(x.Schema, y.Schema) && Strings.Equals(x.Name, y.Name);

    /// <inheritdoc/>
    public int GetHashCode(TableName obj) => HashCode.Combine(Strings.GetHashCode(obj.Schema), Strings.GetHashCode(obj.Name));
}
