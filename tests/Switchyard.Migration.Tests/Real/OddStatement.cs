using System.Text;
using Switchyard.Client;

namespace Switchyard.Migration.Tests.Real;

/// <summary>
/// A transaction in which a statement runs whose text MySQL 8 and later cannot show in information_schema: reading the lists of connections and of
/// transactions there is error 3854 meanwhile.
/// </summary>
internal sealed class OddStatement : IAsyncDisposable
{
    private static readonly byte[] s_text = [.. "SELECT SLEEP(3600) /* \U0001F600 "u8, 0xFF, 0xFE, .. " */"u8];

    private readonly BackendConnection _connection;
    private readonly ConnectionOptions _server;
    private Task _running = Task.CompletedTask;

    private OddStatement(BackendConnection connection, ConnectionOptions server)
    {
        _connection = connection;
        _server = server;
    }

    public uint ConnectionId => _connection.Server.ConnectionId;

    public static async Task<OddStatement> StartAsync(RealWorld world)
    {
        var odd = new OddStatement(await BackendConnection.OpenAsync(world.SourceOptions, default), world.SourceOptions);
        await odd._connection.ExecuteAsync("CREATE DATABASE IF NOT EXISTS odd", default);
        await odd._connection.ExecuteAsync("CREATE TABLE IF NOT EXISTS odd.odd (a INT)", default);
        await odd._connection.ExecuteAsync("START TRANSACTION", default);
        await odd._connection.ExecuteAsync("INSERT INTO odd.odd VALUES (1)", default);
        odd._running = odd._connection.QueryAsync(s_text, default);
        await using var look = await world.OpenSourceAsync();
        await UntilListedAsync(look, "SELECT SLEEP(3600)");
        foreach (var table in (string[])["processlist", "innodb_trx"])
        {
            Assert.Equal(3854, (await Assert.ThrowsAsync<ServerErrorException>(() => look.QueryAsync($"SELECT * FROM information_schema.{table}", default))).Code);
        }

        return odd;
    }

    /// <summary>Returns once a statement that begins so sleeps.</summary>
    public static async Task UntilListedAsync(BackendConnection look, string beginning)
    {
        while (!(await look.QueryAsync("SHOW PROCESSLIST", default)).Rows.Any(
            row => row.GetStringOrNull(6) == "User sleep" && Encoding.Latin1.GetString(row.GetBytes(7)).StartsWith(beginning, StringComparison.Ordinal)))
        {
            await Task.Delay(10);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await using (var killer = await BackendConnection.OpenAsync(_server, default))
        {
            while (await ServerProcess.KillAsync(killer, ConnectionId, default))
            {
                await Task.Delay(10);
            }
        }

        await Record.ExceptionAsync(() => _running);
        await _connection.DisposeAsync();
    }
}
