using Switchyard.Client;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>A client that sends commands byte by byte as told and hands back every byte of the answers, packet headers included.</summary>
internal sealed class WireClient : IAsyncDisposable
{
    private const Capabilities Usual =
        Capabilities.LongPassword | Capabilities.LongFlag | Capabilities.Protocol41 | Capabilities.Transactions | Capabilities.SecureConnection
        | Capabilities.MultiStatements | Capabilities.MultiResults | Capabilities.PsMultiResults | Capabilities.PluginAuth | Capabilities.LocalFiles
        | Capabilities.PluginAuthLengthEncodedData | Capabilities.ConnectAttributes;

    private readonly BackendTransport _transport;
    private readonly Link _link;
    private readonly ResponseScanner _scanner = new();

    private WireClient(BackendTransport transport)
    {
        _transport = transport;
        _link = new Link(transport.Stream);
    }

    public Capabilities Negotiated => _transport.Negotiated;

    public ushort Status => _scanner.Status;

    public ushort ErrorCode => _scanner.ErrorCode;

    /// <summary>Ids of the statements prepared, in their order; servers do not count from one for each connection.</summary>
    public List<uint> Prepared { get; } = [];

    /// <summary>What LOAD DATA LOCAL is answered with; empty refuses.</summary>
    public byte[] LocalFile { get; set; } = [];

    /// <summary>Logs in with the usual capabilities and these.</summary>
    public static async Task<WireClient> OpenAsync(ConnectionOptions options, Capabilities extra) =>
        new((await BackendConnection.OpenAsync(options with { ExactCapabilities = Usual | extra, ConnectTimeout = TimeSpan.FromMinutes(4) }, default)).Detach());

    public Task<byte[]> QueryAsync(string sql) => CommandAsync(CommandKind.Query, System.Text.Encoding.UTF8.GetBytes(sql));

    /// <summary>Sends a command and returns its answer, every byte.</summary>
    public async Task<byte[]> CommandAsync(CommandKind command, ReadOnlyMemory<byte> argument, ResponseShape shape = ResponseShape.Results)
    {
        await SendAsync(command, argument);
        return await AnswerAsync(shape);
    }

    /// <summary>Sends a packet that need not be a command.</summary>
    public async Task<byte[]> RawCommandAsync(byte[] payload)
    {
        using var packet = new PayloadWriter();
        PacketIO.Frame(packet, payload, 0);
        await _link.WriteAsync(packet.WrittenMemory, default);
        return await AnswerAsync(ResponseShape.Results);
    }

    public async Task SendAsync(CommandKind command, ReadOnlyMemory<byte> argument)
    {
        using var payload = new PayloadWriter(argument.Length + 1);
        using var packet = new PayloadWriter(argument.Length + 64);
        payload.WriteByte((byte)command);
        payload.WriteBytes(argument.Span);
        PacketIO.Frame(packet, payload.WrittenSpan, 0);
        (_transport.Stream as CompressedStream)?.BeginCommand();
        await _link.WriteAsync(packet.WrittenMemory, default);
    }

    public async Task<byte[]> AnswerAsync(ResponseShape shape)
    {
        using var answer = new PayloadWriter();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        _scanner.Begin(shape, (Negotiated & Capabilities.DeprecateEof) != 0);
        while (!_scanner.IsComplete)
        {
            if (_link.BufferedLength == 0 && !await _link.FillAsync(limit.Token))
            {
                throw new EndOfStreamException("The connection was closed within an answer.");
            }

            var taken = _scanner.Consume(_link.Buffered);
            answer.WriteBytes(_link.Buffered[..taken]);
            _link.Consume(taken);
            if (_scanner.WantsLocalFile)
            {
                using var file = new PayloadWriter();
                var next = LocalFile.Length == 0 ? (byte)(_scanner.Sequence + 1) : PacketIO.Frame(file, LocalFile, (byte)(_scanner.Sequence + 1));
                PacketIO.Frame(file, [], next);
                await _link.WriteAsync(file.WrittenMemory, limit.Token);
                _scanner.ResumeAfterLocalFile();
            }
        }

        if (_scanner.StatementId != 0)
        {
            Prepared.Add(_scanner.StatementId);
        }

        return answer.WrittenSpan.ToArray();
    }

    public ValueTask DisposeAsync() => _transport.DisposeAsync();
}
