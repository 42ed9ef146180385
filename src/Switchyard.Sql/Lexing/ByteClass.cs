namespace Switchyard.Sql.Lexing;

/// <summary>Classes of bytes in SQL text.</summary>
internal static class ByteClass
{
    /// <summary>Letters, digits, underscore, dollar sign, and every byte of a multi-byte character.</summary>
    public const byte IdentifierByte = 1;

    public const byte SpaceByte = 2;
    public const byte DigitByte = 4;
    public const byte HexByte = 8;
    public const byte ControlByte = 16;

    private static readonly byte[] s_classes = Build();

    public static bool Is(byte b, byte classes) => (s_classes[b] & classes) != 0;

    private static byte[] Build()
    {
        var classes = new byte[256];
        for (var i = 0; i < 256; i++)
        {
            var c = (char)i;
            byte value = 0;
            value |= i >= 0x80 || char.IsAsciiLetterOrDigit(c) || c is '_' or '$' ? IdentifierByte : (byte)0;
            value |= c is ' ' or >= '\t' and <= '\r' ? SpaceByte : (byte)0;
            value |= char.IsAsciiDigit(c) ? DigitByte : (byte)0;
            value |= char.IsAsciiHexDigit(c) ? HexByte : (byte)0;
            value |= i < 0x20 || i == 0x7F ? ControlByte : (byte)0;
            classes[i] = value;
        }

        return classes;
    }
}
