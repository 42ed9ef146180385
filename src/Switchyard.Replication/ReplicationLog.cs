using Microsoft.Extensions.Logging;
using Switchyard.Binlog;

namespace Switchyard.Replication;

/// <summary>Log messages of replication: event ids 3000 to 3999. No row values.</summary>
internal static partial class ReplicationLog
{
    [LoggerMessage(3000, LogLevel.Information, "Stream {Stream} reads {Source} from {Position}")]
    public static partial void Reading(this ILogger logger, string stream, string source, BinlogPosition position);

    [LoggerMessage(3001, LogLevel.Warning, "Stream {Stream} lost a connection and tries again in {DelayMs} ms: {Reason}")]
    public static partial void Reconnecting(this ILogger logger, string stream, double delayMs, string reason);

    [LoggerMessage(3002, LogLevel.Error, "Stream {Stream} stopped: {Reason}")]
    public static partial void Failed(this ILogger logger, string stream, string reason);

    [LoggerMessage(3003, LogLevel.Information, "Stream {Stream} stopped at {Position}")]
    public static partial void Stopped(this ILogger logger, string stream, BinlogPosition position);

    [LoggerMessage(3010, LogLevel.Debug, "Copied {Rows} rows of {Table}, range {Number}, in {ElapsedMs} ms")]
    public static partial void ChunkCopied(this ILogger logger, long rows, string table, ulong number, double elapsedMs);

    [LoggerMessage(3011, LogLevel.Debug, "Range {Number} of {Table} begins again: {Reason}")]
    public static partial void ChunkRepeats(this ILogger logger, ulong number, string table, string reason);

    [LoggerMessage(3012, LogLevel.Information, "Table {Table} is copied: {Rows} rows")]
    public static partial void TableCopied(this ILogger logger, string table, long rows);

    [LoggerMessage(3013, LogLevel.Information, "Building the secondary indexes of {Table}")]
    public static partial void BuildingIndexes(this ILogger logger, string table);

    [LoggerMessage(3014, LogLevel.Warning, "The copy lost a connection and tries again in {DelayMs} ms: {Reason}")]
    public static partial void CopyReconnecting(this ILogger logger, double delayMs, string reason);

    [LoggerMessage(3016, LogLevel.Warning, "The load of the {Server} cannot be read and does not hold the copy back: {Reason}")]
    public static partial void LoadUnknown(this ILogger logger, string server, string reason);

    [LoggerMessage(3015, LogLevel.Information, "The definition of {Table} changed while a range was read (error {Code}); the range begins again")]
    public static partial void DefinitionChanged(this ILogger logger, string table, int code);

    [LoggerMessage(3017, LogLevel.Information, "Stream {Stream} copies {Tables} again and follows them from {Position} on")]
    public static partial void CopiesAgain(this ILogger logger, string stream, string tables, BinlogPosition position);

    [LoggerMessage(3020, LogLevel.Warning, "{Table} was written at {Position} on {Server}, which only our streams should write, by {Account}")]
    public static partial void ForeignWriteFound(this ILogger logger, Schema.TableName table, BinlogPosition position, string server, string account);

    [LoggerMessage(3021, LogLevel.Warning, "The watch for foreign writes lost {Server} and tries again in {DelayMs} ms: {Reason}")]
    public static partial void WatchReconnecting(this ILogger logger, string server, double delayMs, string reason);

    [LoggerMessage(3022, LogLevel.Error, "The watch for foreign writes on {Server} stopped: {Reason}")]
    public static partial void WatchFailed(this ILogger logger, string server, string reason);
}
