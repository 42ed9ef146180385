using System.Text;

namespace Switchyard.Wire.Payloads;

/// <summary>The server wants another plugin's proof, over a new challenge.</summary>
/// <remarks>Layout: MySQL protocol documentation "AuthSwitchRequest". A packet of one byte is the pre-4.1 password scheme.</remarks>
public sealed record AuthSwitchRequestPayload(string Plugin, byte[] Data)
{
    public const byte Header = 0xFE;

    /// <summary>The data without the terminating zero servers append to a challenge.</summary>
    public ReadOnlySpan<byte> Nonce => Data.Length > 0 && Data[^1] == 0 ? Data.AsSpan(0, Data.Length - 1) : Data;

    /// <exception cref="MalformedPacketException"/>
    public static AuthSwitchRequestPayload Parse(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload);
        var header = reader.ReadByte();
        if (header != Header)
        {
            throw new MalformedPacketException($"An authentication switch was expected and a packet with header 0x{header:X2} came.");
        }

        return reader.IsAtEnd
            ? new AuthSwitchRequestPayload("mysql_old_password", [])
            : new AuthSwitchRequestPayload(Encoding.UTF8.GetString(reader.ReadNullTerminatedBytes()), reader.ReadRest().ToArray());
    }

    public void Write(PayloadWriter writer)
    {
        writer.WriteByte(Header);
        writer.WriteText(Plugin);
        writer.WriteByte(0);
        writer.WriteBytes(Data);
    }

    /// <summary>A switch to a plugin with a challenge, terminated by a zero as servers do.</summary>
    public static AuthSwitchRequestPayload ForNonce(string plugin, ReadOnlySpan<byte> nonce) => new(plugin, [.. nonce, 0]);
}
