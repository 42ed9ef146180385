using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Ddl;

/// <summary>What of a stream's tables was changed on the source since the stream was recorded, as the log tells.</summary>
internal static class ChangesSince
{
    public static async Task<IReadOnlyList<TableName>?> ReadAsync(StreamDefinition definition, CancellationToken cancellationToken)
    {
        var target = await BackendConnection.OpenAsync(definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var targetLease = target.ConfigureAwait(false);
        var row = await StreamRow.ReadAsync(target, definition.Id, locked: false, cancellationToken).ConfigureAwait(false)
            ?? throw new ReplicationException($"The stream {definition.Id} is not recorded on the target.");
        var source = await BackendConnection.OpenAsync(definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var sourceLease = source.ConfigureAwait(false);
        if (!await ReachesAsync(source, row, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        var names = await source.QueryAsync("SELECT @@lower_case_table_names", cancellationToken).ConfigureAwait(false);
        var tables = new StreamTables(definition.Tables, ignoreCase: names.GetString(0, 0) != "0");
        var changed = new HashSet<TableName>();
        var reader = await TornLog.OpenReaderAsync(
            source, new BinlogDumpRequest { ServerId = GtidPositions.ServerId, File = row.Position.File, Position = row.Position.Offset, StopAtEnd = true }, cancellationToken).ConfigureAwait(false);
        await using var readerLease = reader.ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } next)
        {
            if (next is QueryEvent query && DdlStatement.Of(query) is { LeavesExisting: false, Kind: DdlKind.Alter or DdlKind.Create or DdlKind.Drop or DdlKind.Rename } statement)
            {
                changed.UnionWith(statement.Names.Concat(statement.NewNames).Select(n => tables.Find(n.Schema, n.Name)).OfType<StreamTable>().Select(t => t.Name));
            }
        }

        return [.. changed.Order()];
    }

    private static async Task<bool> ReachesAsync(BackendConnection source, StreamRow row, CancellationToken cancellationToken)
    {
        if (await SourceLog.ReadIdentityAsync(source, cancellationToken).ConfigureAwait(false) != row.SourceIdentity)
        {
            return false;
        }

        try
        {
            await SourceLog.VerifyContainsAsync(source, row.Position, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (ReplicationException)
        {
            return false;
        }
    }
}
