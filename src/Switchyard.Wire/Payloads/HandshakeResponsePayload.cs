using System.Text;

namespace Switchyard.Wire.Payloads;

/// <summary>The client's answer to the greeting: who it is, what it can do, and its first proof.</summary>
/// <remarks>Layout: MySQL protocol documentation "HandshakeResponse41"; MariaDB's extended capabilities in the last four filler bytes.</remarks>
public sealed record HandshakeResponsePayload
{
    /// <summary>What the client asks for; parsing gives it as sent, not yet limited to what the server offered.</summary>
    public required Capabilities Capabilities { get; init; }

    public uint MaxPacketSize { get; init; } = 1 << 30;

    /// <summary>Low byte of the collation id the client wants its session in.</summary>
    public byte Collation { get; init; }

    /// <summary>As sent; UTF-8 or the client's character set.</summary>
    public required byte[] User { get; init; }

    public byte[] AuthResponse { get; init; } = [];

    /// <summary>The schema to begin in; null for none.</summary>
    public byte[]? Schema { get; init; }

    /// <summary>The plugin <see cref="AuthResponse"/> was made by; empty when the client did not say.</summary>
    public string AuthPlugin { get; init; } = "";

    /// <summary>Connection attributes in the order sent.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Attributes { get; init; } = [];

    public byte ZstdLevel { get; init; }

    /// <summary>Reads the packet by the capabilities both ends have.</summary>
    /// <param name="payload">The packet, which must not be an SSL request.</param>
    /// <param name="serverCapabilities">What the greeting offered.</param>
    /// <exception cref="MalformedPacketException"/>
    public static HandshakeResponsePayload Parse(ReadOnlySpan<byte> payload, Capabilities serverCapabilities)
    {
        var reader = new PayloadReader(payload);
        var start = SslRequestPayload.Read(ref reader);
        var common = start.Capabilities & serverCapabilities;
        var user = UserName.Read(ref reader);
        byte[] authResponse;
        if ((common & Capabilities.PluginAuthLengthEncodedData) != 0)
        {
            authResponse = reader.ReadLengthEncodedBytes().ToArray();
        }
        else if ((common & Capabilities.SecureConnection) != 0)
        {
            authResponse = reader.ReadBytes(reader.ReadByte()).ToArray();
        }
        else
        {
            authResponse = reader.ReadNullTerminatedBytes().ToArray();
        }

        byte[]? schema = null;
        if ((common & Capabilities.ConnectWithDatabase) != 0 && !reader.IsAtEnd)
        {
            schema = reader.ReadNullTerminatedBytesOrRest().ToArray();
        }

        var plugin = (common & Capabilities.PluginAuth) != 0 && !reader.IsAtEnd ? Encoding.UTF8.GetString(reader.ReadNullTerminatedBytesOrRest()) : "";
        IReadOnlyList<KeyValuePair<string, string>> attributes =
            (common & Capabilities.ConnectAttributes) != 0 && !reader.IsAtEnd ? ConnectionAttributes.Read(ref reader) : [];
        return new HandshakeResponsePayload
        {
            Capabilities = start.Capabilities,
            MaxPacketSize = start.MaxPacketSize,
            Collation = start.Collation,
            User = user,
            AuthResponse = authResponse,
            Schema = schema is { Length: > 0 } ? schema : null,
            AuthPlugin = plugin,
            Attributes = attributes,
            ZstdLevel = (common & Capabilities.ZstdCompression) != 0 && !reader.IsAtEnd ? reader.ReadByte() : (byte)0,
        };
    }

    /// <summary>Writes the packet as <see cref="Capabilities"/> says, which must already be limited to what the server offers.</summary>
    public void Write(PayloadWriter writer)
    {
        new SslRequestPayload(Capabilities, MaxPacketSize, Collation).Write(writer);
        writer.WriteNullTerminatedBytes(User);
        if ((Capabilities & Capabilities.PluginAuthLengthEncodedData) != 0)
        {
            writer.WriteLengthEncodedBytes(AuthResponse);
        }
        else if ((Capabilities & Capabilities.SecureConnection) != 0)
        {
            writer.WriteByte(checked((byte)AuthResponse.Length));
            writer.WriteBytes(AuthResponse);
        }
        else
        {
            writer.WriteNullTerminatedBytes(AuthResponse);
        }

        if ((Capabilities & Capabilities.ConnectWithDatabase) != 0)
        {
            writer.WriteNullTerminatedBytes(Schema);
        }

        if ((Capabilities & Capabilities.PluginAuth) != 0)
        {
            writer.WriteText(AuthPlugin);
            writer.WriteByte(0);
        }

        if ((Capabilities & Capabilities.ConnectAttributes) != 0)
        {
            ConnectionAttributes.Write(writer, Attributes);
        }

        if ((Capabilities & Capabilities.ZstdCompression) != 0)
        {
            writer.WriteByte(ZstdLevel);
        }
    }
}
