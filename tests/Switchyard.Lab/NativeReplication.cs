using Switchyard.Client;

namespace Switchyard.Lab;

/// <summary>The servers' own replication between two of the lab, by GTIDs.</summary>
public static class NativeReplication
{
    /// <summary>A server begins to follow another.</summary>
    public static async Task BeginAsync(LabServer from, LabServer to)
    {
        await using var replica = await OpenAsync(to);
        await replica.ExecuteAsync(
            replica.Server.IsMariaDb
                ? $"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={from.Port}, MASTER_USER='{from.User}', MASTER_PASSWORD='{from.Password}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1"
                : $"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={from.Port}, SOURCE_USER='{from.User}', SOURCE_PASSWORD='{from.Password}', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1, SOURCE_CONNECT_RETRY=1",
            default);
        await replica.ExecuteAsync(replica.Server.IsMariaDb ? "START SLAVE" : "START REPLICA", default);
    }

    /// <summary>Returns once a follower has all that the other has logged so far.</summary>
    /// <exception cref="LabException">It has not after two minutes.</exception>
    public static async Task CatchUpAsync(LabServer from, LabServer to)
    {
        await using var source = await OpenAsync(from);
        await using var replica = await OpenAsync(to);
        var position = (await source.QueryAsync(source.Server.IsMariaDb ? "SELECT @@global.gtid_binlog_pos" : "SELECT @@global.gtid_executed", default)).GetString(0, 0).Replace("\n", "", StringComparison.Ordinal);
        var waited = await replica.QueryAsync(source.Server.IsMariaDb ? $"SELECT MASTER_GTID_WAIT('{position}', 120)" : $"SELECT WAIT_FOR_EXECUTED_GTID_SET('{position}', 120)", default);
        if (waited.GetString(0, 0) != "0")
        {
            throw new LabException($"{to.Name} did not reach {position} of {from.Name} within two minutes");
        }
    }

    /// <summary>A follower follows nobody any more.</summary>
    public static async Task EndAsync(LabServer server)
    {
        await using var replica = await OpenAsync(server);
        await replica.ExecuteMultiAsync(replica.Server.IsMariaDb ? "STOP SLAVE;RESET SLAVE ALL"u8.ToArray() : "STOP REPLICA;RESET REPLICA ALL"u8.ToArray(), default);
    }

    private static Task<BackendConnection> OpenAsync(LabServer server) => BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), default);
}
