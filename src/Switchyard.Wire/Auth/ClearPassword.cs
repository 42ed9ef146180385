using System.Text;

namespace Switchyard.Wire.Auth;

/// <summary>The password as it is, ended by a zero: <c>mysql_clear_password</c>, and full authentication of the SHA-2 plugins over TLS.</summary>
public static class ClearPassword
{
    /// <summary>The bytes to send. Only ever through TLS.</summary>
    public static byte[] Encode(string password)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(password) + 1];
        Encoding.UTF8.GetBytes(password, bytes);
        return bytes;
    }

    /// <summary>Reads a password up to its zero or, as some clients leave it out, to the end.</summary>
    /// <returns>False when the bytes are not UTF-8, which no proof can be made from here.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out string password)
    {
        var end = bytes.IndexOf((byte)0);
        var text = end < 0 ? bytes : bytes[..end];
        var valid = System.Text.Unicode.Utf8.IsValid(text);
        password = valid ? Encoding.UTF8.GetString(text) : "";
        return valid;
    }
}
