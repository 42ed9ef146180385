using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Replication.Values;

/// <summary>SQL text with large values that are not in it: they are sent from where they lie, and written into their literals on the way.</summary>
/// <param name="capacity">Bytes to begin with.</param>
/// <param name="writtenBytes">A value up to here is written into the text.</param>
internal sealed class StreamedText(int capacity, int writtenBytes = StreamedText.WrittenBytes) : IDisposable
{
    /// <summary>Below it, a value costs less to copy than to send by itself.</summary>
    public const int WrittenBytes = 1024 * 1024;

    private const int KeptBytes = 256 * 1024;

    private readonly List<LongValue> _values = [];

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
        if (value.Length <= writtenBytes)
        {
            literal.Write(Text, isNull, value.Span);
            return;
        }

        var around = literal.BeginAround(Text, ref value);
        var start = Text.Length;
        if (!literal.TryBeginLong(Text))
        {
            literal.Write(Text, isNull, value.Span);
            SpilledBytes.Release(value);
            return;
        }

        var (at, piece) = (Text.Length, QueryPiece.Value(value));
        literal.EndLong(Text);
        _values.Add(new LongValue(start, at, Text.Length, piece, literal));
        ValueBytes += piece.SentBytes;
        literal.EndAround(Text, around, value);
    }

    /// <summary>Adds a part of another.</summary>
    public void Append(StreamedText other, int start, int end)
    {
        var by = Text.Length - start;
        foreach (var value in other._values)
        {
            if (value.IsIn(start, end))
            {
                _values.Add(value with { Start = value.Start + by, At = value.At + by, End = value.End + by });
                ValueBytes += value.Piece.SentBytes;
            }
        }

        Text.WriteBytes(other.Text.WrittenSpan[start..end]);
    }

    /// <summary>A part of the text, as it is sent; one piece when it has no large value.</summary>
    public List<QueryPiece> Pieces(int start, int end)
    {
        var pieces = new List<QueryPiece>();
        var from = start;
        foreach (var value in _values)
        {
            if (value.IsIn(start, end))
            {
                pieces.Add(QueryPiece.Text(Text.WrittenMemory[from..value.At]));
                pieces.Add(value.Piece);
                from = value.At;
            }
        }

        pieces.Add(QueryPiece.Text(Text.WrittenMemory[from..end]));
        return pieces;
    }

    /// <summary>Whether a part of the text has large values, and all of them may as well be sent as parameters.</summary>
    public bool TakesParameters(int start, int end)
    {
        var any = false;
        foreach (var value in _values)
        {
            if (value.IsIn(start, end))
            {
                if (!value.Literal.IsParameterAsItIs)
                {
                    return false;
                }

                any = true;
            }
        }

        return any;
    }

    /// <summary>Writes a part of the text with parameters in the places of its large values.</summary>
    /// <returns>What the parameters are given.</returns>
    public List<ReadOnlyMemory<byte>> WriteParameterized(int start, int end, PayloadWriter to)
    {
        var parameters = new List<ReadOnlyMemory<byte>>();
        var from = start;
        foreach (var value in _values.Where(v => v.IsIn(start, end)))
        {
            to.WriteBytes(Text.WrittenSpan[from..value.Start]);
            value.Literal.WriteParameter(to);
            parameters.Add(value.Piece.Bytes);
            from = value.End;
        }

        to.WriteBytes(Text.WrittenSpan[from..end]);
        return parameters;
    }

    /// <summary>Forgets everything. A long buffer goes back to where the next one who writes finds it: many are filled in turn, and few are full at once.</summary>
    public void Clear()
    {
        Text.Reset(KeptBytes);
        _values.Clear();
        ValueBytes = 0;
    }

    public void Dispose()
    {
        Text.Dispose();
        _values.Clear();
    }

    // Its literal lies in the text from Start to End, and the value goes between what is before and behind At.
    private readonly record struct LongValue(int Start, int At, int End, QueryPiece Piece, Literal Literal)
    {
        public bool IsIn(int start, int end) => Start >= start && End <= end;
    }
}
