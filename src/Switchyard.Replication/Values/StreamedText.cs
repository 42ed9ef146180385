using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Replication.Values;

/// <summary>SQL text with large values that are not in it: they are sent from where they lie, and written into their literals on the way.</summary>
internal sealed class StreamedText(int capacity) : IDisposable
{
    /// <summary>A value up to here is written into the text.</summary>
    public const int WrittenBytes = 1024 * 1024;

    private readonly List<(int At, ReadOnlyMemory<byte> Value, long SentBytes)> _values = [];

    public PayloadWriter Text { get; } = new(capacity);

    /// <summary>Bytes of text and values as they are sent, escaped.</summary>
    public long Length => Text.Length + ValueBytes;

    public long ValueBytes { get; private set; }

    /// <summary>Writes a literal.</summary>
    /// <param name="literal">How.</param>
    /// <param name="isNull">NULL.</param>
    /// <param name="value">The value; when it is large, its memory has to last until the text is sent.</param>
    public void Write(Literal literal, bool isNull, ReadOnlyMemory<byte> value)
    {
        if (value.Length <= WrittenBytes || !literal.TryBegin(Text))
        {
            literal.Write(Text, isNull, value.Span);
            return;
        }

        var sent = new QueryPiece(value, IsValue: true).CountBytes();
        _values.Add((Text.Length, value, sent));
        ValueBytes += sent;
        Text.WriteByte((byte)'\'');
    }

    /// <summary>Adds a part of another.</summary>
    public void Append(StreamedText other, int start, int end)
    {
        foreach (var (at, value, sent) in other._values)
        {
            if (at > start && at < end)
            {
                _values.Add((Text.Length + at - start, value, sent));
                ValueBytes += sent;
            }
        }

        Text.WriteBytes(other.Text.WrittenSpan[start..end]);
    }

    /// <summary>A part of the text, as it is sent; one piece when it has no large value.</summary>
    public List<QueryPiece> Pieces(int start, int end)
    {
        var pieces = new List<QueryPiece>();
        var from = start;
        foreach (var (at, value, _) in _values)
        {
            if (at > start && at < end)
            {
                pieces.Add(new QueryPiece(Text.WrittenMemory[from..at], IsValue: false));
                pieces.Add(new QueryPiece(value, IsValue: true));
                from = at;
            }
        }

        pieces.Add(new QueryPiece(Text.WrittenMemory[from..end], IsValue: false));
        return pieces;
    }

    public void Clear(int keptCapacity)
    {
        Text.Reset(keptCapacity);
        _values.Clear();
        ValueBytes = 0;
    }

    public void Dispose()
    {
        Text.Dispose();
        _values.Clear();
    }
}
