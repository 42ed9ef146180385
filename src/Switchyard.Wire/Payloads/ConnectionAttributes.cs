using System.Text;

namespace Switchyard.Wire.Payloads;

/// <summary>Names and values a client tells about itself, as seen in <c>performance_schema.session_connect_attrs</c>.</summary>
internal static class ConnectionAttributes
{
    /// <summary>Servers let nobody in who has more to say of itself.</summary>
    private const int MaxBytes = ushort.MaxValue;

    /// <exception cref="MalformedPacketException">They do not add up, or are too many.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> Read(ref PayloadReader reader)
    {
        var bytes = reader.ReadLengthEncodedBytes();
        if (bytes.Length > MaxBytes)
        {
            throw new MalformedPacketException($"The client has {bytes.Length} bytes of connection attributes, where {MaxBytes} are allowed.");
        }

        var inner = new PayloadReader(bytes);
        var attributes = new List<KeyValuePair<string, string>>();
        while (!inner.IsAtEnd)
        {
            var name = Encoding.UTF8.GetString(inner.ReadLengthEncodedBytes());
            attributes.Add(new(name, Encoding.UTF8.GetString(inner.ReadLengthEncodedBytes())));
        }

        return attributes;
    }

    public static void Write(PayloadWriter writer, IReadOnlyList<KeyValuePair<string, string>> attributes)
    {
        using var inner = new PayloadWriter();
        foreach (var (name, value) in attributes)
        {
            inner.WriteLengthEncodedBytes(Encoding.UTF8.GetBytes(name));
            inner.WriteLengthEncodedBytes(Encoding.UTF8.GetBytes(value));
        }

        writer.WriteLengthEncodedBytes(inner.WrittenSpan);
    }
}
