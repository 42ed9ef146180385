using System.Globalization;
using System.Text;
using Switchyard.Client;
using Switchyard.Replication;
using Switchyard.Replication.Source;
using Switchyard.Replication.Target;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>Moves a recorded stream over two connections that are open already: inside the pause there is no time for logins.</summary>
internal sealed class EngineRecord(string id, BackendConnection origin, BackendConnection follower) : IStreamRecord
{
    public static async Task<IStreamRecord> OpenAsync(StreamSpec spec, CancellationToken cancellationToken)
    {
        var origin = await BackendConnection.OpenAsync(spec.From, cancellationToken);
        try
        {
            return new EngineRecord(spec.Id, origin, await BackendConnection.OpenAsync(spec.To, cancellationToken));
        }
        catch
        {
            await origin.DisposeAsync();
            throw;
        }
    }

    public async Task MoveAsync(StreamPosition to, CancellationToken cancellationToken)
    {
        var gtid = await SourceLog.ReadGtidAsync(origin, cancellationToken);
        var result = await follower.ExecuteAsync(
            $"UPDATE `{ControlTables.Schema}`.`stream` SET file={Hex(to.File)}, `offset`={to.Offset.ToString(CultureInfo.InvariantCulture)}, gtid={Hex(gtid)}, " +
            $"revision=revision+1, updated=UTC_TIMESTAMP(6) WHERE id={SqlText.QuoteString(id)}", cancellationToken);
        if (result.AffectedRows != 1)
        {
            throw new ReplicationException($"The record of the stream {id} is gone from the side that is to follow; somebody removed it. Try again.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await origin.DisposeAsync();
        await follower.DisposeAsync();
    }

    private static string Hex(string text) => text.Length == 0 ? "''" : $"x'{Convert.ToHexString(Encoding.UTF8.GetBytes(text))}'";
}
