using Switchyard.Lab;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>A wire to a server that puts other bytes in the place of what the server answers: a backend that breaks the protocol, or means harm.</summary>
internal sealed class LyingWire(int serverPort) : TcpRelay(serverPort)
{
    private volatile byte[]? _greeting;
    private volatile Lie? _lie;

    /// <summary>From now on every answer to this command is this payload, in a packet of its own; null ends it.</summary>
    public void Answer(CommandKind command, byte[]? payload) => _lie = payload is null ? null : new Lie((byte)command, payload);

    /// <summary>From now on everybody is greeted with this payload; null ends it.</summary>
    public void Greet(byte[]? payload) => _greeting = payload;

    protected override Route Begin() => new LyingRoute(this);

    private sealed class LyingRoute(LyingWire wire) : Route
    {
        private Lie? _next = wire._greeting is { } greeting ? new Lie(0, greeting) : null;

        public override ValueTask<ReadOnlyMemory<byte>?> ToClientAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
            new(Interlocked.Exchange(ref _next, null) is { } lie ? lie.Packet(bytes.Span[3]) : bytes);

        public override ValueTask<ReadOnlyMemory<byte>?> ToServerAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            // Commands are told from the packets of a login by their number.
            if (wire._lie is { } lie && bytes.Length > PacketLimits.HeaderSize && bytes.Span[3] == 0 && bytes.Span[PacketLimits.HeaderSize] == lie.Command)
            {
                Volatile.Write(ref _next, lie);
            }

            return new(bytes);
        }
    }

    private sealed class Lie(byte command, byte[] payload)
    {
        public byte Command => command;

        public byte[] Packet(byte sequence) => [(byte)payload.Length, (byte)(payload.Length >> 8), (byte)(payload.Length >> 16), sequence, .. payload];
    }
}
