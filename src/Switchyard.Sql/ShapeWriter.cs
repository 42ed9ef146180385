using Switchyard.Sql.Lexing;

namespace Switchyard.Sql;

/// <summary>Writes the shape of a token sequence. Two sequences share a shape only where the reader cannot tell them apart.</summary>
internal ref struct ShapeWriter(Span<byte> buffer)
{
    private readonly Span<byte> _buffer = buffer;
    private int _length;
    private int _depth;
    private bool _foldsRows;
    private bool _first = true;

    public bool Overflowed { get; private set; }

    public readonly ReadOnlySpan<byte> Written => _buffer[.._length];

    /// <summary>A gate or a hint, as it stands.</summary>
    public void WriteKept(ReadOnlySpan<byte> text)
    {
        Put(" "u8);
        Put(text);
        _first = _first && _length == 0;
    }

    public void Write(in Token token, ReadOnlySpan<byte> text)
    {
        if (_first)
        {
            _first = false;
            _foldsRows = token.Keyword is Keyword.Insert or Keyword.Replace;
        }
        else if (token.SpaceBefore)
        {
            Put(" "u8);
        }

        if (token.Kind is TokenKind.String or TokenKind.Number or TokenKind.Parameter)
        {
            WriteLiteral();
            return;
        }

        Put(text);
        if (token.Kind != TokenKind.Symbol)
        {
            return;
        }

        if (token.Symbol == '(')
        {
            _depth++;
        }
        else if (token.Symbol == ')')
        {
            _depth--;
            FoldRow();
        }
        else if (token.Symbol == ';')
        {
            _first = true;
        }
    }

    /// <summary>Inside parentheses a literal after a literal adds nothing: IN (1, 2, 3) is IN (?).</summary>
    private void WriteLiteral()
    {
        if (_depth > 0)
        {
            var written = Written;
            if (written.EndsWith("?,"u8))
            {
                _length--;
                return;
            }

            if (written.EndsWith("?, "u8))
            {
                _length -= 2;
                return;
            }
        }

        Put("?"u8);
    }

    /// <summary>VALUES (?), (?) is VALUES (?).</summary>
    private void FoldRow()
    {
        if (!_foldsRows || _depth != 0)
        {
            return;
        }

        var written = Written;
        if (written.EndsWith("(?),(?)"u8))
        {
            _length -= 4;
        }
        else if (written.EndsWith("(?), (?)"u8))
        {
            _length -= 5;
        }
    }

    private void Put(ReadOnlySpan<byte> text)
    {
        if (text.Length > _buffer.Length - _length)
        {
            Overflowed = true;
            return;
        }

        text.CopyTo(_buffer[_length..]);
        _length += text.Length;
    }
}
