using System.Globalization;
using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

internal sealed partial class ServerSide
{
    private const int SequencesAtOnce = 50;
    private const int NotASequence = 4089;
    private const int UnknownSequence = 4091;
    private const int NoSuchTable = 1146;
    private const int NoSuchFunction = 1305;

    // What MySQL says of an unknown function where the session is in no schema.
    private const int NoSchemaSelected = 1046;
    private IdentityReader? _identities;
    private IReadOnlyList<MigratedSchema> _moved = [];

    public async Task<IdentityValues> ReadIdentitiesAsync(IReadOnlyList<MigratedSchema> moved, CancellationToken cancellationToken)
    {
        _moved = moved;
        var reader = new IdentityReader(await OpenAsync(cancellationToken), moved, await NamesAsync(cancellationToken));
        var values = await reader.ReadAsync(cancellationToken);
        _identities = reader;
        return values;
    }

    public async Task<IdentityValues> ReadIdentitiesAgainAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        // What another connection was told may have been told by a server that has been restarted since.
        var connection = await OpenAsync(cancellationToken);
        return _identities is { } reader && reader.Connection == connection
            ? await reader.ReadAgainAsync(tables, cancellationToken)
            : await ReadIdentitiesAsync(_moved, cancellationToken);
    }

    public async Task<ulong> RaiseIdentityAsync(TableName table, ulong next, ulong headroom, CancellationToken cancellationToken)
    {
        var raised = next + (headroom == 0 ? 0 : Math.Min(headroom, await ReadSpareAsync(table, next, cancellationToken)));
        await ExecuteAsync($"ALTER TABLE {table.Quoted} AUTO_INCREMENT={raised.ToString(CultureInfo.InvariantCulture)}", cancellationToken);
        return raised;
    }

    public async Task RaiseSequencesAsync(IReadOnlyCollection<KeyValuePair<TableName, SequenceValue>> sequences, CancellationToken cancellationToken)
    {
        foreach (var some in sequences.Chunk(SequencesAtOnce))
        {
            try
            {
                // Not by DO, which keeps to itself what goes wrong in it.
                var each = some.Select(s => string.Create(CultureInfo.InvariantCulture, $"SETVAL({s.Key.Quoted}, {s.Value.Next}, 0, {s.Value.Round})"));
                await ExecuteAsync($"SELECT {string.Join(", ", each)}", cancellationToken);
            }
            catch (ServerErrorException e) when (e.Code is NotASequence or UnknownSequence or NoSuchTable or NoSuchFunction or NoSchemaSelected)
            {
                throw new CutoverFailedException(
                    $"{options.Host}:{options.Port} does not have the sequences the other side has ({string.Join(", ", some.Select(s => s.Key))}): {e.ServerMessage}",
                    "Create them there as SHOW CREATE SEQUENCE prints them, or drop them on the side that has them.", e);
            }
        }
    }

    /// <summary>How many values may be left out: a thousandth of those the column has left, since it may be a small one.</summary>
    private async Task<ulong> ReadSpareAsync(TableName table, ulong next, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var column = await connection.QueryAsync(
            $"SELECT data_type, column_type FROM information_schema.columns WHERE table_schema={SqlText.QuoteString(table.Schema)} AND table_name={SqlText.QuoteString(table.Name)} " +
            "AND extra LIKE '%auto_increment%'", cancellationToken);
        if (column.RowCount == 0)
        {
            return 0;
        }

        int bits = column.GetString(0, 0).ToLowerInvariant() switch
        {
            "tinyint" => 8,
            "smallint" => 16,
            "mediumint" => 24,
            "int" => 32,
            "bigint" => 64,
            _ => 0,
        };
        if (bits == 0)
        {
            return 0;
        }

        var last = ulong.MaxValue >> (64 - bits + (column.GetString(0, 1).Contains("unsigned", StringComparison.OrdinalIgnoreCase) ? 0 : 1));
        return next >= last ? 0 : (last - next) / 1000;
    }
}
