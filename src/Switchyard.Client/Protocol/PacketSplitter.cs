using System.Buffers;
using Switchyard.Wire;

namespace Switchyard.Client.Protocol;

/// <summary>Sends one payload of a known length, piece by piece, cut into packets.</summary>
internal sealed class PacketSplitter(Stream stream, long length, byte sequence)
{
    private const int StagingBytes = 128 * 1024;
    private readonly byte[] _header = new byte[PacketLimits.HeaderSize];
    private long _left = length;
    private int _leftInPacket;
    private bool _isFull;

    /// <summary>The number of the next packet.</summary>
    public byte Sequence { get; private set; } = sequence;

    public async ValueTask WriteAsync(QueryPiece piece, CancellationToken cancellationToken)
    {
        if (!piece.IsValue)
        {
            await WriteAsync(piece.Bytes, cancellationToken).ConfigureAwait(false);
            return;
        }

        var staging = ArrayPool<byte>.Shared.Rent(StagingBytes);
        for (var rest = piece.Bytes; !rest.IsEmpty;)
        {
            var written = QueryPiece.Escape(rest.Span, staging, out var consumed);
            await WriteAsync(staging.AsMemory(0, written), cancellationToken).ConfigureAwait(false);
            SpilledBytes.Release(rest[..consumed]);
            rest = rest[consumed..];
        }

        // Not after a failure: an operation given up may still read it.
        ArrayPool<byte>.Shared.Return(staging);
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            if (_leftInPacket == 0)
            {
                await BeginPacketAsync(cancellationToken).ConfigureAwait(false);
            }

            var count = Math.Min(_leftInPacket, bytes.Length);
            await stream.WriteAsync(bytes[..count], cancellationToken).ConfigureAwait(false);
            bytes = bytes[count..];
            _leftInPacket -= count;
            _left -= count;
        }
    }

    /// <summary>A full last packet is followed by an empty one.</summary>
    public async ValueTask EndAsync(CancellationToken cancellationToken)
    {
        if (_left != 0 || _leftInPacket != 0)
        {
            throw new InvalidOperationException("A payload was announced with another length than it has.");
        }

        if (_isFull)
        {
            await BeginPacketAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private ValueTask BeginPacketAsync(CancellationToken cancellationToken)
    {
        _leftInPacket = (int)Math.Min(PacketLimits.MaxPayload, _left);
        _isFull = _leftInPacket == PacketLimits.MaxPayload;
        new PacketHeader(_leftInPacket, Sequence++).Write(_header);
        return stream.WriteAsync(_header, cancellationToken);
    }
}
