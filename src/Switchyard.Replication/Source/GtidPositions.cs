using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Apply;

namespace Switchyard.Replication.Source;

/// <summary>What file and offset mean in GTIDs, and the other way about: the same transactions lie elsewhere in another server's log.</summary>
internal static class GtidPositions
{
    // As a replica that only looks; never the id of a stream.
    internal static uint ServerId => 0xC000_0000u | (uint)Random.Shared.Next(0x3FFF_FFFF);

    /// <summary>Exactly the GTIDs of everything before a position; empty where the server gives none.</summary>
    /// <param name="server">The server.</param>
    /// <param name="connection">A connection to it.</param>
    /// <param name="position">The position.</param>
    /// <param name="known">The same of an earlier position, from which the log is read on; without GTIDs where they are not known.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<string> ReadAtAsync(
        ConnectionOptions server, BackendConnection connection, BinlogPosition position, (BinlogPosition Position, string Gtid) known, CancellationToken cancellationToken)
    {
        var isMariaDb = connection.Server.IsMariaDb;
        if (known.Gtid.Length == 0)
        {
            if (!isMariaDb && await ReadModeAsync(connection, cancellationToken).ConfigureAwait(false) != "ON")
            {
                return "";
            }

            // gtid_executed runs behind the log and has no position of its own, so the file itself is asked: what was before it, and what is in it. MariaDB's begins with a list.
            known = (new BinlogPosition(position.File, BinlogPosition.FirstOffset), isMariaDb ? "" : await ReadBeforeFileAsync(connection, position.File, cancellationToken).ConfigureAwait(false));
        }

        var gtids = new GtidTracker(isMariaDb, known.Gtid);
        var end = known.Position;
        var reader = await OpenAsync(server, new BinlogDumpRequest { ServerId = ServerId, File = end.File, Position = end.Offset, StopAtEnd = true }, cancellationToken).ConfigureAwait(false);
        await using var lease = reader.ConfigureAwait(false);
        var groups = new LogGroups();
        while (end < position && await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } next)
        {
            if (next is MariaDbGtidListEvent)
            {
                gtids.Add(next);
            }
            else if (groups.Take(next) is { } whole and not GtidEvent { IsAnonymous: true })
            {
                gtids.Add(whole);
            }

            end = next.Position;
        }

        return gtids.Text;
    }

    /// <summary>
    /// What a record lacks that was made before MariaDB's other servers of a domain were kept in it: without them a replica that has their transactions, as it must, looks like one
    /// that was written beside replication. The file is read again, up to the place of the record.
    /// </summary>
    /// <returns>Null where nothing is missing, or the log does not say at that place what the record says, so that it may not be the one the record was made of.</returns>
    public static async Task<string?> TryCompleteAsync(ConnectionOptions server, BackendConnection connection, BinlogPosition position, string recorded, CancellationToken cancellationToken)
    {
        if (!connection.Server.IsMariaDb)
        {
            return null;
        }

        var known = MariaDbGtidState.Parse(recorded);
        if (known.KnowsServersOf(MariaDbGtidState.Parse(await ReadMariaDbStateAsync(connection, cancellationToken).ConfigureAwait(false))))
        {
            return null;
        }

        var read = await ReadAtAsync(server, connection, position, (position, ""), cancellationToken).ConfigureAwait(false);
        var last = MariaDbGtidState.Parse(read).Position.ToHashSet();
        return read != recorded && known.Position.All(last.Contains) ? read : null;
    }

    private static async Task<string> ReadMariaDbStateAsync(BackendConnection connection, CancellationToken cancellationToken) =>
        (await connection.QueryAsync("SELECT @@global.gtid_binlog_state", cancellationToken).ConfigureAwait(false)).GetStringOrNull(0, 0) ?? "";

    private static async Task<string?> ReadModeAsync(BackendConnection connection, CancellationToken cancellationToken) =>
        (await connection.QueryAsync("SELECT @@global.gtid_mode", cancellationToken).ConfigureAwait(false)).GetStringOrNull(0, 0);

    private static async Task<string> ReadBeforeFileAsync(BackendConnection connection, string file, CancellationToken cancellationToken)
    {
        var events = await connection.QueryAsync($"SHOW BINLOG EVENTS IN {SqlText.QuoteString(file)} LIMIT 5", cancellationToken).ConfigureAwait(false);
        return events.Rows.FirstOrDefault(r => r.GetString(2) == "Previous_gtids")?.GetStringOrNull(5)?.Replace("\n", "", StringComparison.Ordinal) ?? "";
    }

    /// <summary>Where, in another server's log, everything of a GTID set lies before and nothing of it after.</summary>
    /// <exception cref="ReplicationException">The server does not have all of it, has purged what follows, or has logged it in another order.</exception>
    public static async Task<BinlogPosition> LocateAsync(ConnectionOptions server, BackendConnection connection, string applied, CancellationToken cancellationToken)
    {
        var isMariaDb = connection.Server.IsMariaDb;
        var start = new BinlogPosition(
            isMariaDb
                ? await FindMariaDbFileAsync(server, connection, applied, cancellationToken).ConfigureAwait(false)
                : await FindMySqlFileAsync(server, connection, applied, cancellationToken).ConfigureAwait(false),
            BinlogPosition.FirstOffset);
        var split = isMariaDb ? (IGtidSplit)new MariaDbGtidSplit(applied) : new MySqlGtidSplit(applied);
        var reader = await OpenAsync(server, new BinlogDumpRequest { ServerId = ServerId, File = start.File, Position = start.Offset, StopAtEnd = true }, cancellationToken).ConfigureAwait(false);
        await using var lease = reader.ConfigureAwait(false);
        var end = start;
        BinlogPosition? firstNew = null;
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } next)
        {
            if (next is GtidEvent { IsAnonymous: true })
            {
                throw new ReplicationException($"{Name(server)} has transactions without GTIDs in its binary log at {next.Position}, so that where to go on there cannot be told. Point the backend back at the old server, or copy again.");
            }

            switch (split.Judge(next))
            {
                case true when firstNew is not null:
                    throw new ReplicationException($"{Name(server)} has logged transactions in another order than the server before: one that is applied already lies at {next.Position}, behind others that are not. Choose a replica that keeps the order (replica_preserve_commit_order, slave_parallel_mode), or copy again.");
                case false:
                    firstNew ??= end;
                    break;
            }

            if (split.Stranger is { } stranger)
            {
                throw new ReplicationException($"{Name(server)} has a transaction in its binary log that the server before did not have, {stranger}, ahead of what is applied already at {next.Position}: it was written there beside replication, and would be missed. Choose a replica without such transactions, point the backend back at the old server, or copy again.");
            }

            end = next.Position;
        }

        if (split.Missing is { } missing)
        {
            throw Lacks(server, missing);
        }

        return firstNew ?? end;
    }

    private static async Task<string> FindMySqlFileAsync(ConnectionOptions server, BackendConnection connection, string applied, CancellationToken cancellationToken)
    {
        var state = await connection.QueryAsync("SELECT @@global.gtid_mode, @@global.gtid_executed, @@global.gtid_purged", cancellationToken).ConfigureAwait(false);
        if (state.GetStringOrNull(0, 0) != "ON")
        {
            throw new ReplicationException($"{Name(server)} has gtid_mode={state.GetStringOrNull(0, 0)}; only with GTIDs can replication go on at another server. Point the backend back at the old server, or copy again.");
        }

        var mine = MySqlGtidSet.Parse(applied);
        var missing = mine.Subtract(MySqlGtidSet.Parse(state.GetString(0, 1)));
        if (!missing.IsEmpty)
        {
            throw Lacks(server, missing.ToString());
        }

        var purged = MySqlGtidSet.Parse(state.GetString(0, 2)).Subtract(mine);
        if (!purged.IsEmpty)
        {
            throw new ReplicationException($"{Name(server)} has purged transactions from its binary log that are not applied yet: {purged}. Choose a replica that still has them, or copy again.");
        }

        return await FirstFileAsync(server, new BinlogDumpRequest { ServerId = ServerId, MySqlGtidSet = mine.Encode(), StopAtEnd = true }, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<string> FindMariaDbFileAsync(ConnectionOptions server, BackendConnection connection, string applied, CancellationToken cancellationToken)
    {
        var state = await ReadMariaDbStateAsync(connection, cancellationToken).ConfigureAwait(false);
        var has = state.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(t => MariaDbGtid.Parse(t)).ToArray();
        var position = MariaDbGtidState.Parse(applied).Position.ToArray();
        foreach (var gtid in position)
        {
            if (!has.Any(h => h.Domain == gtid.Domain && h.ServerId == gtid.ServerId && h.Sequence >= gtid.Sequence))
            {
                throw Lacks(server, gtid.ToString());
            }
        }

        return await FirstFileAsync(server, new BinlogDumpRequest { ServerId = ServerId, MariaDbGtidState = string.Join(',', position), StopAtEnd = true }, cancellationToken).ConfigureAwait(false);
    }

    // The server finds the file; where in it is read from the file.
    private static async Task<string> FirstFileAsync(ConnectionOptions server, BinlogDumpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            var reader = await OpenAsync(server, request, cancellationToken).ConfigureAwait(false);
            await using var lease = reader.ConfigureAwait(false);
            while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } next)
            {
                if (next is RotateEvent rotate)
                {
                    return rotate.Next.File;
                }
            }
        }
        catch (ServerErrorException e) when (e.Code == 1236)
        {
            throw new ReplicationException($"{Name(server)} cannot go on from what is applied: {e.ServerMessage} Choose a replica whose binary log still holds it, or copy again.", e);
        }

        throw new ReplicationException($"{Name(server)} sent no binary log.");
    }

    private static async Task<BinlogReader> OpenAsync(ConnectionOptions server, BinlogDumpRequest request, CancellationToken cancellationToken)
    {
        var connection = await BackendConnection.OpenAsync(server with { Schema = null }, cancellationToken).ConfigureAwait(false);
        try
        {
            return await TornLog.OpenReaderAsync(connection, request, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static ReplicationException Lacks(ConnectionOptions server, string what) =>
        new($"{Name(server)} does not have in its binary log what is applied on the target already: {what}. Wait until it has replicated that, choose a replica that has it (with log_replica_updates), or point the backend back at the old server.");

    private static string Name(ConnectionOptions server) => $"{server.Host}:{server.Port}";
}
