using System.Globalization;
using System.Text;
using Switchyard.Client.Protocol;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client;

/// <summary>A running stream of binary log events. Owns its connection; disposal closes it.</summary>
public sealed class BinlogDump : IAsyncDisposable
{
    private const byte EventHeader = 0x00;
    private static readonly TimeSpan s_minSilence = TimeSpan.FromSeconds(60);

    private readonly BackendConnection _connection;
    private readonly CommandChannel _channel;
    private readonly TimeSpan _silenceTimeout;

    private BinlogDump(BackendConnection connection, CommandChannel channel, TimeSpan silenceTimeout, bool hasChecksums)
    {
        _connection = connection;
        _channel = channel;
        _silenceTimeout = silenceTimeout;
        HasChecksums = hasChecksums;
    }

    public ServerInfo Server => _connection.Server;

    /// <summary>
    /// Whether events end in four bytes of CRC32 from the first on. A format description event in the stream says the same for the events
    /// after it, and is what counts when the setting changes meanwhile.
    /// </summary>
    public bool HasChecksums { get; }

    /// <summary>
    /// The next event, whole, from its 19-byte header to its checksum; valid until the next call. Empty at the end of the log, if the
    /// request was to stop there.
    /// </summary>
    /// <exception cref="ServerErrorException">The server ended the dump: position purged (1236), killed, shutting down.</exception>
    /// <exception cref="BackendUnavailableException">The connection broke, or nothing came for too long.</exception>
    public ValueTask<ReadOnlyMemory<byte>> ReadEventAsync(CancellationToken cancellationToken) =>
        _channel.TryRead(out var payload) ? new ValueTask<ReadOnlyMemory<byte>>(Unwrap(payload)) : ReadSlowAsync(cancellationToken);

    /// <summary>Makes the last event's bytes last beyond the next read, without a copy. Refused for small ones.</summary>
    public bool TryKeepEvent() => _channel.GiveAway() is not null;

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    internal static async Task<BinlogDump> StartAsync(
        BackendConnection connection, CommandChannel channel, BinlogDumpRequest request, CancellationToken cancellationToken)
    {
        Check(request, connection.Server);
        await connection.ExecuteAsync(BinlogDumpSession.Settings(connection.Server, request), cancellationToken).ConfigureAwait(false);
        var checksum = await connection.QueryAsync("SELECT UPPER(@master_binlog_checksum)", cancellationToken).ConfigureAwait(false);
        var hasChecksums = checksum.GetStringOrNull(0, 0) switch
        {
            "CRC32" => true,
            null or "NONE" => false,
            var other => throw new MalformedPacketException($"The server checks its binary log with {other}, which is not known."),
        };

        WriteCommand(channel.Begin(), request);
        await channel.SendAsync(default, cancellationToken).ConfigureAwait(false);
        var tenBeats = request.HeartbeatPeriod * 10;
        return new BinlogDump(connection, channel, request.SilenceTimeout ?? (tenBeats > s_minSilence ? tenBeats : s_minSilence), hasChecksums);
    }

    private static void Check(BinlogDumpRequest request, ServerInfo server)
    {
        var starts = (request.File is null ? 0 : 1) + (request.MySqlGtidSet is null ? 0 : 1) + (request.MariaDbGtidState is null ? 0 : 1);
        if (starts != 1)
        {
            throw new ArgumentException("A dump starts at a file and offset, at a MySQL GTID set or at a MariaDB GTID state: give exactly one.");
        }

        if (request.MySqlGtidSet is not null && server.IsMariaDb)
        {
            throw new ArgumentException($"{server.VersionString} does not know MySQL's GTID sets.");
        }

        if (request.MariaDbGtidState is not null && !server.IsMariaDb)
        {
            throw new ArgumentException($"{server.VersionString} does not know MariaDB's GTIDs.");
        }

        if (request.Position > uint.MaxValue && server.IsMariaDb)
        {
            throw new ArgumentException($"The dump cannot start at {request.File}:{request.Position}: MariaDB's protocol carries offsets below 4 GiB. Start at the file's beginning or by GTID.");
        }
    }

    private static void WriteCommand(PayloadWriter writer, BinlogDumpRequest request)
    {
        const ushort nonBlocking = 0x01;
        const ushort sendAnnotateRows = 0x02; // MariaDB's meaning of the bit
        const ushort throughGtid = 0x04;
        var flags = request.StopAtEnd ? nonBlocking : (ushort)0;
        var file = Encoding.UTF8.GetBytes(request.File ?? "");
        if (request.MySqlGtidSet is not null || request.Position > uint.MaxValue)
        {
            // With a file's name it starts there, whatever the set; an empty one is a count of no servers.
            var set = request.MySqlGtidSet ?? new byte[sizeof(ulong)];
            writer.WriteByte((byte)CommandKind.BinlogDumpGtid);
            writer.WriteUInt16((ushort)(flags | throughGtid));
            writer.WriteUInt32(request.ServerId);
            writer.WriteUInt32((uint)file.Length);
            writer.WriteBytes(file);
            writer.WriteUInt64(request.File is null ? 4 : request.Position);
            writer.WriteUInt32((uint)set.Length);
            writer.WriteBytes(set.Span);
            return;
        }

        writer.WriteByte((byte)CommandKind.BinlogDump);
        writer.WriteUInt32(request.File is null ? 4 : (uint)request.Position);
        writer.WriteUInt16((ushort)(flags | (request.SendAnnotateRows ? sendAnnotateRows : 0)));
        writer.WriteUInt32(request.ServerId);
        writer.WriteBytes(file);
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadSlowAsync(CancellationToken cancellationToken) =>
        Unwrap(await _channel.ReadAsync(_silenceTimeout, cancellationToken).ConfigureAwait(false));

    private ReadOnlyMemory<byte> Unwrap(ReadOnlyMemory<byte> payload)
    {
        var header = payload.IsEmpty ? -1 : payload.Span[0];
        switch (header)
        {
            case EventHeader when payload.Length > 1:
                return payload[1..];
            case EofPayload.Header when EofPayload.IsEof(payload.Span):
                _channel.Complete();
                return default;
            case ErrorPayload.Header:
                _channel.Complete();
                throw ServerErrorException.From(payload.Span);
            default:
                var text = header < 0 ? "an empty packet" : string.Create(CultureInfo.InvariantCulture, $"a packet with header 0x{header:X2}");
                throw _channel.Break(new MalformedPacketException($"The server sent {text} in place of a binary log event."), default);
        }
    }
}
