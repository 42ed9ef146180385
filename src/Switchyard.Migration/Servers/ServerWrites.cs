using Switchyard.Client;
using Switchyard.Replication.Target;

namespace Switchyard.Migration;

/// <summary>Why a server does not take a write.</summary>
/// <param name="What">What it does instead, as the rest of a sentence that begins with its name.</param>
/// <param name="IsFull">It says that its disk is full.</param>
internal sealed record WriteRefusal(string What, bool IsFull);

internal sealed partial class ServerSide
{
    public async Task<WriteRefusal?> ProbeWriteAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        // Over a connection of its own, which is lost when the server lets the write wait.
        await using var connection = await BackendConnection.OpenAsync(options, cancellationToken);
        using var expiry = new CancellationTokenSource(limit);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, expiry.Token);
        var key = $"stream_id={SqlText.QuoteString($"probe-{Guid.NewGuid():N}")}, owner_token='', worker=0";
        try
        {
            await connection.ExecuteMultiAsync(
                $"BEGIN;INSERT INTO `{ControlTables.Schema}`.stream_mark SET {key};DELETE FROM `{ControlTables.Schema}`.stream_mark WHERE {key.Replace(", ", " AND ", StringComparison.Ordinal)};COMMIT",
                either.Token);
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            var asking = await OpenAsync(cancellationToken);
            var processes = await ServerProcess.ListAsync(asking, cancellationToken);
            var state = processes.FirstOrDefault(p => p.Id == connection.Server.ConnectionId)?.State ?? "";
            var isFull = await ServerDisk.IsFullAsync(asking, processes, cancellationToken);
            return new WriteRefusal(
                $"has not answered a small write within {limit.TotalSeconds:0.#} s (connection {connection.Server.ConnectionId}{FullDisk.State(state)}){(isFull ? ": its disk is full" : "")}", isFull);
        }
        catch (ServerErrorException e) when (e.IsOutOfSpace)
        {
            return new WriteRefusal($"refuses a small write with error {e.Code} ({e.ServerMessage}): it has no room left", IsFull: true);
        }
        catch (ServerErrorException)
        {
            // A server that is read-only, or lacks our tables, is another check's affair.
            return null;
        }
    }
}
