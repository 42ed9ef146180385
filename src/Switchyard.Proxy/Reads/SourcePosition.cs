using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Topology;

namespace Switchyard.Proxy.Reads;

/// <summary>Reads the end of a source's binary log over one connection of ours. One caller at a time.</summary>
internal sealed class SourcePosition(BackendProfiles profiles, string backend) : IAsyncDisposable
{
    private BackendConnection? _connection;

    /// <exception cref="BackendUnavailableException">The source cannot be reached.</exception>
    /// <exception cref="ServerErrorException">It refuses to say.</exception>
    public async Task<StreamPosition> ReadAsync(CancellationToken cancellationToken)
    {
        var profile = await profiles.GetAsync(backend, cancellationToken);
        try
        {
            _connection ??= await BackendConnection.OpenAsync(profile.Options with { Schema = null }, cancellationToken);

            // MySQL 8.2 renamed it and 8.4 removed the old name; MariaDB keeps the old one.
            var sql = profile.Server.IsAtLeast(ServerVendor.MySql, 8, 2) ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
            var answer = await _connection.QueryAsync(sql, cancellationToken);
            return answer.RowCount == 0
                ? throw new BackendUnavailableException(UnavailableReason.LoginImpossible, $"backend '{backend}' has no binary log")
                : new StreamPosition(answer.GetString(0, 0), answer.GetUInt64(0, 1));
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }
}
