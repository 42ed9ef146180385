using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>
/// For the time it is open, the session prints SHOW CREATE in full and in one way; the caller's settings come back when it is disposed.
/// </summary>
internal sealed class ShowCreateSession : IAsyncDisposable
{
    private readonly BackendConnection _connection;

    private ShowCreateSession(BackendConnection connection) => _connection = connection;

    internal static async Task<ShowCreateSession> OpenAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync(
            "SET @switchyard_sql_mode=@@session.sql_mode, @switchyard_quote=@@session.sql_quote_show_create, sql_mode='', sql_quote_show_create=1",
            cancellationToken).ConfigureAwait(false);
        return new ShowCreateSession(connection);
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection.IsUsable)
        {
            await _connection.GiveBackAsync("SET sql_mode=@switchyard_sql_mode, sql_quote_show_create=@switchyard_quote").ConfigureAwait(false);
        }
    }
}
