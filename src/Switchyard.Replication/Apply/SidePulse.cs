using Switchyard.Client;
using Switchyard.Replication.Source;

namespace Switchyard.Replication.Apply;

/// <summary>
/// Asks both sides every few seconds, over connections of its own, so that it is known who does not answer: a server that is frozen keeps its connections and
/// says nothing, and a stream that has nothing to do would not notice.
/// </summary>
/// <param name="definition">The sides.</param>
/// <param name="status">Is told of silence.</param>
/// <param name="lost">Is told when the source has turned its log off; at most once.</param>
/// <param name="clock">Tells the time between questions.</param>
internal sealed class SidePulse(StreamDefinition definition, StreamStatus status, Action<ReplicationException> lost, TimeProvider clock)
{
    /// <summary>Runs until cancelled; never ends with an exception but that.</summary>
    public Task RunAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(WatchAsync(StreamSide.Source, definition.From, cancellationToken), WatchAsync(StreamSide.Target, definition.To, cancellationToken));

    private async Task WatchAsync(StreamSide side, ConnectionOptions server, CancellationToken cancellationToken)
    {
        BackendConnection? connection = null;
        try
        {
            while (true)
            {
                var asked = clock.GetTimestamp();
                (connection, var isAnswered) = await AskAsync(side, connection, server with { Schema = null }, cancellationToken).ConfigureAwait(false);
                status.Heard(side, isAnswered ? null : asked);
                await Task.Delay(definition.SilenceLimit / 3, clock, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (ReplicationException e)
        {
            lost(e);
        }
        finally
        {
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <returns>The connection to ask on the next time, if it can be used, and whether there was an answer.</returns>
    private async Task<(BackendConnection? Connection, bool IsAnswered)> AskAsync(StreamSide side, BackendConnection? connection, ConnectionOptions server, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(definition.SilenceLimit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var isAnswered = false;
        try
        {
            connection ??= await BackendConnection.OpenAsync(server, either.Token).ConfigureAwait(false);
            await connection.PingAsync(either.Token).ConfigureAwait(false);
            isAnswered = true;
            if (side == StreamSide.Source)
            {
                // A server that waits for room on its log's disk keeps this waiting, too; it is there all the same.
                await SourceLog.VerifyIsOnAsync(connection, either.Token).ConfigureAwait(false);
            }

            return (connection, true);
        }
        catch (ServerErrorException)
        {
            // A refusal is an answer; whoever needs the server meets it by itself.
            return (connection, true);
        }
        catch (Exception e) when (e is BackendUnavailableException or Wire.MalformedPacketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            return (null, isAnswered);
        }
    }
}
