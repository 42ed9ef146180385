namespace Switchyard.Wire.Payloads;

/// <summary>The user name of a login, of which account lookups and error texts are made.</summary>
internal static class UserName
{
    /// <summary>No server has an account of more than 80 characters; clients that cut nothing off have room to spare.</summary>
    private const int MaxBytes = 512;

    /// <exception cref="MalformedPacketException">It is longer than any account's.</exception>
    public static byte[] Read(ref PayloadReader reader)
    {
        var name = reader.ReadNullTerminatedBytes();
        return name.Length <= MaxBytes
            ? name.ToArray()
            : throw new MalformedPacketException($"The client gave a user name of {name.Length} bytes, where {MaxBytes} are more than any account has.");
    }
}
