using System.Text;

namespace Switchyard.Wire.Payloads;

/// <summary>The server's greeting (protocol version 10).</summary>
/// <remarks>
/// Layout: MySQL protocol documentation "HandshakeV10"; MariaDB writes its extended capabilities into the last four bytes of the
/// filler and leaves <see cref="Capabilities.LongPassword"/> unset to say so.
/// </remarks>
public sealed record HandshakePayload
{
    /// <summary>Bytes of the challenge all plugins use.</summary>
    public const int NonceSize = 20;

    private const byte ProtocolVersion = 10;

    /// <summary>As sent, with MariaDB's <c>5.5.5-</c> prefix where it has one.</summary>
    public required string ServerVersion { get; init; }

    public required uint ConnectionId { get; init; }

    /// <summary>The challenge, without its terminating zero; 20 bytes.</summary>
    public required byte[] Nonce { get; init; }

    public required Capabilities Capabilities { get; init; }

    /// <summary>Low byte of the server's default collation id.</summary>
    public byte Collation { get; init; }

    public ServerStatus Status { get; init; }

    /// <summary>The plugin the challenge is for; empty from servers without plugins.</summary>
    public string AuthPlugin { get; init; } = "";

    /// <exception cref="MalformedPacketException">Not a greeting of protocol version 10.</exception>
    public static HandshakePayload Parse(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload);
        var version = reader.ReadByte();
        if (version != ProtocolVersion)
        {
            throw new MalformedPacketException($"The server greets with protocol version {version}; only version 10 is supported.");
        }

        var serverVersion = Encoding.UTF8.GetString(reader.ReadNullTerminatedBytes());
        var connectionId = reader.ReadUInt32();
        var nonceStart = reader.ReadBytes(8);
        reader.Skip(1);
        var low = reader.ReadUInt16();
        if (reader.IsAtEnd)
        {
            throw new MalformedPacketException("The server's greeting ends before its character set: it is older than MySQL 4.1.");
        }

        var collation = reader.ReadByte();
        var status = (ServerStatus)reader.ReadUInt16();
        var capabilities = (Capabilities)(low | ((uint)reader.ReadUInt16() << 16));
        var nonceLength = reader.ReadByte();
        reader.Skip(6);
        var extended = reader.ReadUInt32();
        if ((capabilities & Capabilities.LongPassword) == 0)
        {
            capabilities |= (Capabilities)((ulong)extended << 32);
        }

        var nonceEnd = (capabilities & Capabilities.SecureConnection) == 0 ? default : reader.ReadBytes(Math.Max(13, nonceLength - 8));
        var plugin = (capabilities & Capabilities.PluginAuth) == 0 ? "" : Encoding.UTF8.GetString(reader.ReadNullTerminatedBytesOrRest());
        return new HandshakePayload
        {
            ServerVersion = serverVersion,
            ConnectionId = connectionId,
            Nonce = [.. nonceStart, .. nonceEnd[..Math.Min(nonceEnd.Length, NonceSize - 8)]],
            Capabilities = capabilities,
            Collation = collation,
            Status = status,
            AuthPlugin = plugin,
        };
    }

    /// <exception cref="ArgumentException">The nonce is not 20 bytes or holds a zero byte, which clients take for its end.</exception>
    public void Write(PayloadWriter writer)
    {
        if (Nonce.Length != NonceSize || Nonce.AsSpan().Contains((byte)0))
        {
            throw new ArgumentException($"The nonce must be {NonceSize} bytes, none of them zero.");
        }

        writer.WriteByte(ProtocolVersion);
        writer.WriteText(ServerVersion);
        writer.WriteByte(0);
        writer.WriteUInt32(ConnectionId);
        writer.WriteBytes(Nonce.AsSpan(0, 8));
        writer.WriteByte(0);
        writer.WriteUInt16((ushort)Capabilities);
        writer.WriteByte(Collation);
        writer.WriteUInt16((ushort)Status);
        writer.WriteUInt16((ushort)((ulong)Capabilities >> 16));
        writer.WriteByte((Capabilities & Capabilities.PluginAuth) == 0 ? (byte)0 : (byte)(NonceSize + 1));
        writer.WriteZeros(6);
        writer.WriteUInt32((Capabilities & Capabilities.LongPassword) == 0 ? (uint)((ulong)Capabilities >> 32) : 0);
        writer.WriteBytes(Nonce.AsSpan(8));
        writer.WriteByte(0);
        if ((Capabilities & Capabilities.PluginAuth) != 0)
        {
            writer.WriteText(AuthPlugin);
            writer.WriteByte(0);
        }
    }
}
