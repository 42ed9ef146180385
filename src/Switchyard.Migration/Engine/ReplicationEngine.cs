using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>The product's engine, over Switchyard.Replication.</summary>
internal sealed class ReplicationEngine(TimeProvider time, ILoggerFactory loggers) : IReplicationEngine
{
    public async Task<IReadOnlyList<string>> ListTablesAsync(ConnectionOptions backend, string schema, CancellationToken cancellationToken)
    {
        await using var connection = await BackendConnection.OpenAsync(backend, cancellationToken);
        var tables = await connection.QueryAsync(
            $"SELECT table_name FROM information_schema.tables WHERE table_schema={SqlText.QuoteString(schema)} AND table_type='BASE TABLE' ORDER BY table_name", cancellationToken);
        return [.. tables.Rows.Select(r => r.GetString(0))];
    }

    public Task<IReadOnlyList<Finding>> PreflightAsync(ConnectionOptions source, ConnectionOptions target, CreateMigrationRequest settings, IReadOnlyList<string> tables, CancellationToken cancellationToken) => throw Missing();

    public Task CopySchemaAsync(StreamSpec spec, CancellationToken cancellationToken) => throw Missing();

    public Task<StreamPosition> RecordAsync(StreamSpec spec, StreamPosition? at, CancellationToken cancellationToken) => throw Missing();

    public Task<IMigrationStream> OpenAsync(StreamSpec spec, CancellationToken cancellationToken) => throw Missing();

    public IMigrationCopy CreateCopy(StreamSpec spec, IMigrationStream stream) => throw Missing();

    public Task RemoveAsync(StreamSpec spec, CancellationToken cancellationToken) => throw Missing();

    private MigrationException Missing()
    {
        _ = (time, loggers, typeof(SchemaReader));
        return MigrationException.Failed("not_available", "Replication is not available in this build.", "Use a later build.");
    }
}
