using System.Text;

namespace Switchyard.Wire.Payloads;

/// <summary>COM_CHANGE_USER: log in anew on the same connection.</summary>
/// <remarks>Layout: MySQL protocol documentation "COM_CHANGE_USER". The proof is over the last challenge: the greeting's, or that of an authentication switch since.</remarks>
public sealed record ChangeUserPayload
{
    public required byte[] User { get; init; }

    public byte[] AuthResponse { get; init; } = [];

    /// <summary>The schema to begin in; empty for none.</summary>
    public byte[] Schema { get; init; } = [];

    /// <summary>The collation id; null when the client ends its packet before it.</summary>
    public ushort? Collation { get; init; }

    public string AuthPlugin { get; init; } = "";

    public IReadOnlyList<KeyValuePair<string, string>> Attributes { get; init; } = [];

    /// <param name="payload">The packet including its command byte.</param>
    /// <param name="capabilities">As agreed at login.</param>
    /// <exception cref="MalformedPacketException"/>
    public static ChangeUserPayload Parse(ReadOnlySpan<byte> payload, Capabilities capabilities)
    {
        var reader = new PayloadReader(payload);
        reader.Skip(1);
        var user = UserName.Read(ref reader);
        var authResponse = (capabilities & Capabilities.SecureConnection) != 0
            ? reader.ReadBytes(reader.ReadByte()).ToArray()
            : reader.ReadNullTerminatedBytes().ToArray();
        var schema = reader.ReadNullTerminatedBytesOrRest().ToArray();
        ushort? collation = reader.Remaining >= 2 ? reader.ReadUInt16() : null;
        var plugin = (capabilities & Capabilities.PluginAuth) != 0 && !reader.IsAtEnd ? Encoding.UTF8.GetString(reader.ReadNullTerminatedBytesOrRest()) : "";
        return new ChangeUserPayload
        {
            User = user,
            AuthResponse = authResponse,
            Schema = schema,
            Collation = collation,
            AuthPlugin = plugin,
            Attributes = (capabilities & Capabilities.ConnectAttributes) != 0 && !reader.IsAtEnd ? ConnectionAttributes.Read(ref reader) : [],
        };
    }

    /// <summary>Writes the packet including its command byte.</summary>
    public void Write(PayloadWriter writer, Capabilities capabilities)
    {
        writer.WriteByte((byte)CommandKind.ChangeUser);
        writer.WriteNullTerminatedBytes(User);
        writer.WriteByte(checked((byte)AuthResponse.Length));
        writer.WriteBytes(AuthResponse);
        writer.WriteNullTerminatedBytes(Schema);
        writer.WriteUInt16(Collation ?? 0);
        if ((capabilities & Capabilities.PluginAuth) != 0)
        {
            writer.WriteText(AuthPlugin);
            writer.WriteByte(0);
        }

        if ((capabilities & Capabilities.ConnectAttributes) != 0)
        {
            ConnectionAttributes.Write(writer, Attributes);
        }
    }
}
