using Switchyard.Client;

namespace Switchyard.Replication.Target;

/// <summary>
/// Our own tables, on the side that is written. They live beside the rows so that one transaction holds both a change and the position
/// it stands for.
/// </summary>
public static class ControlTables
{
    /// <summary>The schema that holds them.</summary>
    public const string Schema = "_switchyard";

    internal const string Stream = "`_switchyard`.`stream`";
    internal const string CopyTable = "`_switchyard`.`copy_table`";
    internal const string CopyRange = "`_switchyard`.`copy_range`";
    internal const string CopyAgain = "`_switchyard`.`copy_again`";
    internal const string StreamMark = "`_switchyard`.`stream_mark`";
    internal const string StreamXa = "`_switchyard`.`stream_xa`";
    internal const string DdlIntent = "`_switchyard`.`ddl_intent`";

    // Key columns stay under 767 bytes, the limit of MySQL 5.6's default row format.
    private const string Id = "VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL";
    private const string ObjectName = "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL";

    private static readonly string[] s_statements =
    [
        $"CREATE DATABASE IF NOT EXISTS `{Schema}` DEFAULT CHARACTER SET utf8mb4",
        $"""
        CREATE TABLE IF NOT EXISTS {Stream} (
          id {Id} PRIMARY KEY,
          owner_token CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
          source_identity VARBINARY(600) NOT NULL,
          file VARBINARY(512) NOT NULL,
          `offset` BIGINT UNSIGNED NOT NULL,
          gtid LONGBLOB NOT NULL,
          revision BIGINT UNSIGNED NOT NULL DEFAULT 0,
          updated DATETIME(6) NOT NULL
        ) ENGINE=InnoDB
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {StreamMark} (
          stream_id {Id},
          owner_token CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
          worker INT NOT NULL,
          PRIMARY KEY (stream_id, owner_token, worker)
        ) ENGINE=InnoDB
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {StreamXa} (
          stream_id {Id},
          xid VARCHAR(300) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
          file VARBINARY(512) NOT NULL,
          `offset` BIGINT UNSIGNED NOT NULL,
          PRIMARY KEY (stream_id, xid)
        ) ENGINE=InnoDB
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {CopyTable} (
          stream_id {Id},
          table_schema {ObjectName},
          table_name {ObjectName},
          state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
          frontier LONGBLOB NULL,
          planned_to_end TINYINT NOT NULL DEFAULT 0,
          PRIMARY KEY (stream_id, table_schema, table_name)
        ) ENGINE=InnoDB
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {CopyRange} (
          stream_id {Id},
          table_schema {ObjectName},
          table_name {ObjectName},
          range_no BIGINT UNSIGNED NOT NULL,
          owner_token CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
          lower_bound LONGBLOB NULL,
          upper_bound LONGBLOB NULL,
          rows_copied BIGINT UNSIGNED NOT NULL DEFAULT 0,
          revision BIGINT UNSIGNED NOT NULL DEFAULT 0,
          state VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
          PRIMARY KEY (stream_id, table_schema, table_name, range_no)
        ) ENGINE=InnoDB
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {CopyAgain} (
          stream_id {Id},
          table_schema {ObjectName},
          table_name {ObjectName},
          file VARBINARY(512) NOT NULL,
          `offset` BIGINT UNSIGNED NOT NULL,
          PRIMARY KEY (stream_id, table_schema, table_name)
        ) ENGINE=InnoDB
        """,
        $"""
        CREATE TABLE IF NOT EXISTS {DdlIntent} (
          stream_id {Id} PRIMARY KEY,
          file VARBINARY(512) NOT NULL,
          `offset` BIGINT UNSIGNED NOT NULL,
          statement LONGBLOB NOT NULL,
          definitions LONGBLOB NOT NULL
        ) ENGINE=InnoDB
        """,
    ];

    /// <summary>
    /// Lets nobody else begin with our tables or remove them on this server until the connection ends: who finds no stream left in them drops them, and another
    /// one's first row would go with them.
    /// </summary>
    /// <exception cref="ReplicationException">Somebody else has been at it for a minute.</exception>
    public static async Task HoldAsync(BackendConnection server, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(server);
        var held = await server.QueryAsync("SELECT GET_LOCK('switchyard.control', 60)", cancellationToken).ConfigureAwait(false);
        if (held.IsNull(0, 0) || held.GetInt64(0, 0) != 1)
        {
            throw new ReplicationException($"Another migration has been creating or removing its tables in {Schema} for a minute. Try again.");
        }
    }

    /// <summary>Creates what is missing.</summary>
    public static async Task CreateAsync(BackendConnection target, CancellationToken cancellationToken)
    {
        foreach (var statement in s_statements)
        {
            await target.ExecuteAsync(statement, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Removes our schema from a server.</summary>
    public static async Task DropAsync(BackendConnection server, CancellationToken cancellationToken) =>
        await server.ExecuteAsync($"DROP DATABASE IF EXISTS `{Schema}`", cancellationToken).ConfigureAwait(false);
}
