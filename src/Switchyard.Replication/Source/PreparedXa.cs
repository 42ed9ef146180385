using System.Globalization;
using Switchyard.Client;

namespace Switchyard.Replication.Source;

/// <summary>The XA transactions a server has prepared and not ended, by the identifier its binary log gives them: <c>X'gtrid',X'bqual',format</c>.</summary>
public static class PreparedXa
{
    private const int MostNamed = 5;

    /// <summary>What <c>XA RECOVER</c> lists. A transaction leaves the list only after its rows are committed or rolled back in the engine.</summary>
    /// <exception cref="ReplicationException">The account may not ask.</exception>
    public static async Task<IReadOnlyList<string>> ReadAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        QueryResult prepared;
        try
        {
            prepared = await connection.QueryAsync("XA RECOVER", cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (e.Code is 1227 or 1401)
        {
            throw new ReplicationException($"The account of {connection.Options.Host}:{connection.Options.Port} may not list prepared XA transactions, whose rows would be missed; grant it XA_RECOVER_ADMIN there.", e);
        }

        return [.. prepared.Rows.Select(Format)];
    }

    /// <summary>The identifiers for a sentence: the first few, and how many more.</summary>
    public static string Describe(IReadOnlyCollection<string> xids)
    {
        ArgumentNullException.ThrowIfNull(xids);
        var named = string.Join("; ", xids.Take(MostNamed));
        return xids.Count > MostNamed ? $"{named} and {xids.Count - MostNamed} more" : named;
    }

    private static string Format(QueryRow row)
    {
        var data = row.GetBytes(3);
        var gtrid = (int)row.GetInt64(1);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"X'{Convert.ToHexStringLower(data[..gtrid])}',X'{Convert.ToHexStringLower(data.Slice(gtrid, (int)row.GetInt64(2)))}',{unchecked((uint)row.GetInt64(0))}");
    }
}
