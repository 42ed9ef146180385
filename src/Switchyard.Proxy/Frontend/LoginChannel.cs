using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;

namespace Switchyard.Proxy.Frontend;

/// <summary>The client's connection during its login, with packets numbered on from the client's last one.</summary>
internal sealed class LoginChannel(Link link, byte sequence, bool isTls) : ILoginChannel
{
    /// <summary>Longest answer within a login: a password in clear, or an RSA block.</summary>
    private const int MaxAnswerBytes = 16 * 1024;

    public bool IsTls => isTls;

    /// <summary>Number of the next packet to the client.</summary>
    public byte Sequence { get; private set; } = sequence;

    public async ValueTask SendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        using var packet = new PayloadWriter(payload.Length + PacketLimits.HeaderSize);
        Sequence = PacketIO.Frame(packet, payload.Span, Sequence);
        await link.WriteAsync(packet.WrittenMemory, cancellationToken);
    }

    public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(CancellationToken cancellationToken)
    {
        var frame = await PacketIO.ReadFrameAsync(link, MaxAnswerBytes, cancellationToken)
            ?? throw new SessionProtocolException("The client left during its login.");
        if (frame.IsTooLong)
        {
            throw new SessionProtocolException("The client's login packet is too long.");
        }

        var payload = PacketIO.Payload(link, frame).ToArray();
        link.Consume(frame.RawLength);
        Sequence = (byte)(frame.Sequence + 1);
        return payload;
    }
}
