using Switchyard.Client;

namespace Switchyard.Binlog;

/// <summary>
/// Typed events from a stream of raw ones (a binlog dump). Compressed transactions are opened and their events yielded one by one, within
/// bounded memory. One caller at a time.
/// </summary>
public sealed class BinlogReader : IAsyncDisposable
{
    // A longer one comes in several packets, with the byte in front of it, and so in a file of its own.
    private const int BufferedEventBytes = 16 * 1024 * 1024 - 3;

    private readonly Func<ServerErrorException, BinlogPosition, CancellationToken, Task<BinlogDump?>>? _openBehind;
    private BinlogEventParser _parser;
    private Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> _readRaw;
    private Func<bool>? _tryKeep;
    private IAsyncDisposable? _source;
    private (BinlogPosition At, ServerErrorException Error)? _brokenOff;
    private InnerEventReader? _inner;
    private BinlogPosition? _begin;

    /// <summary>Reads raw events from a delegate: one whole event per call, empty at the end.</summary>
    /// <param name="readRaw">The source of raw events, each valid until the next call.</param>
    /// <param name="start">The position the dump was asked to start at; its file may be empty when it starts from GTIDs.</param>
    /// <param name="source">Disposed with the reader.</param>
    /// <param name="tryKeep">Makes the last raw event's bytes last, if it can, so that a large one need not be copied.</param>
    public BinlogReader(Func<CancellationToken, ValueTask<ReadOnlyMemory<byte>>> readRaw, BinlogPosition start, IAsyncDisposable? source = null, Func<bool>? tryKeep = null)
    {
        _readRaw = readRaw;
        _tryKeep = tryKeep;
        _parser = new BinlogEventParser(start);
        _source = source;
    }

    private BinlogReader(BinlogDump dump, BinlogPosition start, Func<ServerErrorException, BinlogPosition, CancellationToken, Task<BinlogDump?>>? openBehind)
        : this(dump.ReadEventAsync, start, dump, dump.TryKeepEvent) => _openBehind = openBehind;

    /// <summary>Starts a dump on a connection, which the reader owns from then on and closes when disposed.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="request">Where to begin.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <param name="openBehind">
    /// Is asked when the server ends the dump with an error, at the end of the last whole event: where the log goes on, or null to let the error stand. What comes there must be the first since the
    /// server's start, when it has taken back what was unfinished.
    /// </param>
    /// <exception cref="ServerErrorException">The server refused: no privilege, position purged (1236).</exception>
    public static async Task<BinlogReader> OpenAsync(
        BackendConnection connection, BinlogDumpRequest request, CancellationToken cancellationToken, Func<ServerErrorException, BinlogPosition, CancellationToken, Task<BinlogDump?>>? openBehind = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(request);
        var asked = new BinlogPosition(request.File ?? "", request.File is null ? 0 : request.Position);
        if (await CanStartAtAsync(connection, asked, cancellationToken).ConfigureAwait(false))
        {
            var there = await connection.DumpBinlogAsync(request, cancellationToken).ConfigureAwait(false);
            return new BinlogReader(there, asked, openBehind);
        }

        var before = asked with { Offset = BinlogPosition.FirstOffset };
        var dump = await connection.DumpBinlogAsync(request with { Position = before.Offset }, cancellationToken).ConfigureAwait(false);
        return new BinlogReader(dump, before, openBehind) { BeginsAt = asked };
    }

    /// <summary>Everything up to here is read and not handed on; an event must end just there.</summary>
    internal BinlogPosition BeginsAt
    {
        init => _begin = value;
    }

    /// <summary>The end of the last event read.</summary>
    public BinlogPosition Position => _begin ?? _parser.Position;

    /// <summary>The next event, or null when the server has ended the stream.</summary>
    /// <exception cref="UnsupportedEventException">An event that may carry a change is not understood, or the log says it is incomplete.</exception>
    /// <exception cref="BinlogFormatException">The bytes are damaged, or something is missing.</exception>
    public async ValueTask<BinlogEvent?> ReadAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            if (_inner is not null)
            {
                var innerRaw = _inner.Next();
                if (!innerRaw.IsEmpty)
                {
                    return Judge(_parser.ParseInner(innerRaw, _inner.IsSpilled));
                }

                _inner.Dispose();
                _inner = null;
            }

            ReadOnlyMemory<byte> raw;
            try
            {
                raw = await _readRaw(cancellationToken).ConfigureAwait(false);
            }
            catch (ServerErrorException e) when (_openBehind is not null && _brokenOff is null)
            {
                await OpenBehindAsync(e, cancellationToken).ConfigureAwait(false);
                continue;
            }

            if (raw.IsEmpty)
            {
                return null;
            }

            if (_begin is { } begin)
            {
                PassOver(raw, begin);
                continue;
            }

            var parsed = Judge(_parser.Parse(raw, isOwned: raw.Length > BufferedEventBytes && _tryKeep?.Invoke() == true));
            if (_brokenOff is { } broken)
            {
                switch (parsed)
                {
                    case RotateEvent:
                        continue;
                    case FormatDescriptionEvent { IsFirstSinceStart: true }:
                        _brokenOff = null;
                        break;
                    default:
                        throw new BinlogFormatException(
                            $"The source's binary log breaks off at {broken.At} ({broken.Error.ServerMessage}), and goes on in a file that the server did not begin when it was started: what is missing there is not known. Find out on the source what happened, then cancel the migration and copy again.");
                }
            }

            if (parsed is not TransactionPayloadEvent payload)
            {
                return parsed;
            }

            _inner = payload.OpenInner();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _inner?.Dispose();
        _inner = null;
        return _source?.DisposeAsync() ?? ValueTask.CompletedTask;
    }

    /// <summary>
    /// The plain command carries 32 bits of an offset. MySQL's other one carries 64 and needs GTIDs to be on (com_binlog_dump_gtid in sql/rpl_source.cc,
    /// Binlog_sender::init in sql/rpl_binlog_sender.cc); elsewhere a file that is longer is read from its beginning.
    /// </summary>
    private static async Task<bool> CanStartAtAsync(BackendConnection connection, BinlogPosition position, CancellationToken cancellationToken)
    {
        if (position.Offset <= uint.MaxValue)
        {
            return true;
        }

        return !connection.Server.IsMariaDb
            && (await connection.QueryAsync("SELECT @@global.gtid_mode", cancellationToken).ConfigureAwait(false)).GetStringOrNull(0, 0) == "ON";
    }

    private async Task OpenBehindAsync(ServerErrorException error, CancellationToken cancellationToken)
    {
        if (await _openBehind!(error, Position, cancellationToken).ConfigureAwait(false) is not { } dump)
        {
            throw error;
        }

        var ended = _source;
        // Where that is, and in which form, its first events say.
        _parser = new BinlogEventParser(Position);
        (_readRaw, _tryKeep, _source, _brokenOff) = (dump.ReadEventAsync, dump.TryKeepEvent, dump, (_parser.Position, error));
        if (ended is not null)
        {
            await ended.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void PassOver(ReadOnlyMemory<byte> raw, BinlogPosition begin)
    {
        _parser.Parse(raw);
        if (_parser.Position > begin)
        {
            throw new BinlogFormatException($"No event of the source's binary log ends at {begin}, where reading has to go on: the log was changed or replaced. Cancel the migration and copy again.");
        }

        if (_parser.Position == begin)
        {
            _begin = null;
        }
    }

    private BinlogEvent Judge(BinlogEvent parsed) => parsed is IncidentEvent incident
        ? throw new UnsupportedEventException(
            parsed.Position,
            parsed.Type,
            $"The source says that its binary log lost changes here (incident {incident.Incident}: {incident.Message}). The stream cannot go on past it: "
            + "find out on the source what happened, then cancel this migration and copy again")
        : parsed;
}
