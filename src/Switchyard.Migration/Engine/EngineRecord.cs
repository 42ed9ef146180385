using System.Globalization;
using System.Text;
using Switchyard.Client;
using Switchyard.Replication;
using Switchyard.Replication.Target;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>Moves a recorded stream over a connection that is open already: inside the pause there is no time for a login.</summary>
internal sealed class EngineRecord(string id, BackendConnection follower) : IStreamRecord
{
    public static async Task<IStreamRecord> OpenAsync(StreamSpec spec, CancellationToken cancellationToken) =>
        new EngineRecord(spec.Id, await BackendConnection.OpenAsync(spec.To, cancellationToken));

    public async Task MoveAsync(StreamPosition to, CancellationToken cancellationToken)
    {
        // Which GTIDs lie before it is found out when the stream begins, off the pause.
        var result = await follower.ExecuteAsync(
            $"UPDATE `{ControlTables.Schema}`.`stream` SET file={Hex(to.File)}, `offset`={to.Offset.ToString(CultureInfo.InvariantCulture)}, gtid='', " +
            $"revision=revision+1, updated=UTC_TIMESTAMP(6) WHERE id={SqlText.QuoteString(id)}", cancellationToken);
        if (result.AffectedRows != 1)
        {
            throw new ReplicationException($"The record of the stream {id} is gone from the side that is to follow; somebody removed it. Try again.");
        }
    }

    public ValueTask DisposeAsync() => follower.DisposeAsync();

    private static string Hex(string text) => $"x'{Convert.ToHexString(Encoding.UTF8.GetBytes(text))}'";
}
