using System.Text;

namespace Switchyard.Wire.Payloads;

/// <summary>Names and values a client tells about itself, as seen in <c>performance_schema.session_connect_attrs</c>.</summary>
internal static class ConnectionAttributes
{
    public static IReadOnlyList<KeyValuePair<string, string>> Read(ref PayloadReader reader)
    {
        var inner = new PayloadReader(reader.ReadLengthEncodedBytes());
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
