namespace Switchyard.Binlog;

/// <summary>
/// Typed events from a stream of raw ones (a binlog dump). Compressed transactions are opened and their events yielded one by one. One caller
/// at a time.
/// </summary>
public sealed class BinlogReader : IAsyncDisposable
{
    private readonly Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> _readRaw;

    /// <summary>Reads raw events from a delegate: one whole event per call, empty at the end.</summary>
    /// <param name="readRaw">The source of raw events, each valid until the next call.</param>
    /// <param name="start">The position the dump was asked to start at; its file may be empty when it starts from GTIDs.</param>
    public BinlogReader(Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> readRaw, BinlogPosition start)
    {
        _readRaw = readRaw;
        Position = start;
    }

    /// <summary>The end of the last event read.</summary>
    public BinlogPosition Position { get; private set; }

    /// <summary>The next event, or null when the server has ended the stream.</summary>
    /// <exception cref="UnsupportedEventException">An event that may carry a change is not understood.</exception>
    /// <exception cref="BinlogFormatException">The bytes are damaged.</exception>
    public async ValueTask<BinlogEvent?> ReadAsync(CancellationToken cancellationToken)
    {
        _ = await _readRaw(cancellationToken).ConfigureAwait(false);
        throw new NotImplementedException();
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
