using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// A replica, or a program that reads the binary log, gets the log of the backend its session is on. The stream may last for months: it
/// runs outside the session's turn, so that nothing waits for it, and nothing else may use the session's legs meanwhile.
/// </summary>
internal sealed partial class ProxySession
{
    /// <summary>A stream is running. Set while having the turn; whoever takes the turn looks at it before using a leg.</summary>
    private volatile bool _streams;

    /// <summary>Always false: servers close the connection behind a stream, however it ended.</summary>
    private async ValueTask<bool> StreamBinaryLogAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        var leg = _current!;
        _pins.Add(PinReasons.BinaryLog);
        _streams = true;
        await SendFrameAsync(leg, frame, cancellationToken);
        _client.Consume(_commandLength);
        _commandLength = 0;
        LeaveTurn("streaming");
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var listening = ListenWhileStreamingAsync(leg, over);
        try
        {
            await RelayAnswerAsync(leg, new Statement(s_nothing, frame, ResponseShape.BinaryLog), over.Token);
        }
        finally
        {
            await over.CancelAsync();
            await listening;
        }

        return false;
    }

    /// <summary>
    /// While the log streams the client says nothing but what a replica says to its source (acknowledgements of semi-synchronous
    /// replication), or leaves.
    /// </summary>
    private async Task ListenWhileStreamingAsync(BackendLeg leg, CancellationTokenSource over)
    {
        try
        {
            while (true)
            {
                _client.Received(await _client.WaitForCommandAsync(over.Token));
                if (_client.BufferedLength == 0 && !await _client.FillAsync(over.Token))
                {
                    await over.CancelAsync();
                    return;
                }

                await leg.Link.WriteAsync(_client.BufferedMemory, over.Token);
                _client.Consume(_client.BufferedLength);
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException or MalformedPacketException)
        {
            await over.CancelAsync();
        }
    }
}
