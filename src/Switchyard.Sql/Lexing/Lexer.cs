using static Switchyard.Sql.Lexing.ByteClass;

namespace Switchyard.Sql.Lexing;

/// <summary>Which version-gated comments count as text.</summary>
internal enum GateMode : byte
{
    /// <summary>Those the server would execute.</summary>
    ByVersion,

    /// <summary>All of them.</summary>
    AllOpen,

    /// <summary>None.</summary>
    AllClosed,
}

/// <summary>
/// Splits SQL text into tokens where the servers' own scanners do (MySQL <c>sql/sql_lex.cc</c>, MariaDB the same by descent): the odd rules about
/// numbers, dots and comments below are theirs. A copy of the struct looks ahead without consuming.
/// </summary>
internal ref partial struct Lexer(ReadOnlySpan<byte> sql, in ScanOptions options, GateMode gateMode)
{
    private readonly ReadOnlySpan<byte> _sql = sql;
    private readonly ScanOptions _options = options;
    private readonly GateMode _gateMode = gateMode;
    private int _position;
    private bool _inGate;
    private bool _separatorNext;
    private bool _identifierNext;

    /// <summary>A version-gated comment was met, open or closed.</summary>
    public bool SawGate { get; private set; }

    /// <summary>An optimizer hint comment was met.</summary>
    public bool SawHint { get; private set; }

    /// <summary>Offset of the first byte not consumed.</summary>
    public readonly int Position => _position;

    /// <summary>
    /// Spans skipped before the latest token that are part of a shape though no token: opened and closed gates, hints. Empty when there are none.
    /// </summary>
    public (int Start, int End) Kept { get; private set; }

    public Token Next()
    {
        var token = new Token();
        Kept = default;
        if (!SkipTrivia(ref token))
        {
            return Invalid(ref token);
        }

        if (_position >= _sql.Length)
        {
            token.Start = _sql.Length;
            if (_inGate)
            {
                _inGate = false;
                return Invalid(ref token);
            }

            return token;
        }

        token.Start = _position;
        var c = _sql[_position];
        if (_identifierNext)
        {
            _identifierNext = false;
            token.AfterDot = true;
            return Word(ref token);
        }

        if (IsIdentifier(c))
        {
            if (Is(c, DigitByte))
            {
                return Number(ref token);
            }

            // A dollar sign may open a dollar-quoted text on newer servers and is an ordinary letter on others.
            return c == (byte)'$' ? Invalid(ref token) : Word(ref token);
        }

        return c switch
        {
            (byte)'\'' => Quoted(ref token, TokenKind.String, (byte)'\'', !_options.NoBackslashEscapes),
            (byte)'"' when _options.AnsiQuotes => Quoted(ref token, TokenKind.QuotedWord, (byte)'"', false),
            (byte)'"' => Quoted(ref token, TokenKind.String, (byte)'"', !_options.NoBackslashEscapes),
            (byte)'`' => Quoted(ref token, TokenKind.QuotedWord, (byte)'`', false),
            (byte)'@' => Variable(ref token),
            (byte)'?' => Finish(ref token, TokenKind.Parameter, _position + 1),
            (byte)'.' => Dot(ref token),
            (byte)':' when At(1) == '=' => Symbol(ref token, Token.Assign, 2),
            (byte)'\\' => At(1) == 'N' ? Finish(ref token, TokenKind.Number, _position + 2) : Invalid(ref token),
            < 0x20 or 0x7F => Invalid(ref token),
            _ => Symbol(ref token, c, 1),
        };
    }

    private readonly bool IsIdentifier(byte b) => Is(b, IdentifierByte) && b != _options.HardSpace;

    private readonly bool IsSpace(byte b) => Is(b, SpaceByte) || (b == _options.HardSpace && b != 0);

    private readonly int At(int offset) => _position + offset < _sql.Length ? _sql[_position + offset] : -1;

    private Token Word(ref Token token)
    {
        var end = EndOfIdentifier(_position);

        // Followed by a dot and a letter it is the first part of a name, even where the word alone is reserved.
        _separatorNext = end + 1 < _sql.Length && _sql[end] == '.' && IsIdentifier(_sql[end + 1]);
        if (!_separatorNext && !token.AfterDot)
        {
            token.Keyword = Keywords.Find(_sql[_position..end]);
        }

        return Finish(ref token, TokenKind.Word, end);
    }

    private readonly int EndOfIdentifier(int position)
    {
        while (position < _sql.Length && IsIdentifier(_sql[position]))
        {
            position++;
        }

        return position;
    }

    private readonly int EndOfDigits(int position)
    {
        while (position < _sql.Length && Is(_sql[position], DigitByte))
        {
            position++;
        }

        return position;
    }

    private Token Number(ref Token token)
    {
        if (_sql[_position] == '0' && At(1) is 'x' or 'b')
        {
            var hexadecimal = At(1) == 'x';
            var digits = _position + 2;
            while (digits < _sql.Length && (hexadecimal ? Is(_sql[digits], HexByte) : _sql[digits] is (byte)'0' or (byte)'1'))
            {
                digits++;
            }

            if (digits > _position + 2 && (digits >= _sql.Length || !IsIdentifier(_sql[digits])))
            {
                return Finish(ref token, TokenKind.Number, digits);
            }

            return Word(ref token);
        }

        var end = EndOfDigits(_position);
        if (end >= _sql.Length || !IsIdentifier(_sql[end]))
        {
            return end < _sql.Length && _sql[end] == '.' ? Fraction(ref token, end + 1) : Finish(ref token, TokenKind.Number, end);
        }

        // 1e5 ends after its exponent, so that 1e5FROM is two tokens; 1FROM is an identifier.
        if (_sql[end] is (byte)'e' or (byte)'E')
        {
            var exponent = end + 1;
            if (exponent < _sql.Length && _sql[exponent] is (byte)'+' or (byte)'-')
            {
                exponent++;
            }

            if (exponent < _sql.Length && Is(_sql[exponent], DigitByte))
            {
                return Finish(ref token, TokenKind.Number, EndOfDigits(exponent));
            }
        }

        return Word(ref token);
    }

    private Token Fraction(ref Token token, int position)
    {
        var end = EndOfDigits(position);
        if (end < _sql.Length && _sql[end] is (byte)'e' or (byte)'E')
        {
            var exponent = end + 1;
            if (exponent < _sql.Length && _sql[exponent] is (byte)'+' or (byte)'-')
            {
                exponent++;
            }

            if (exponent >= _sql.Length || !Is(_sql[exponent], DigitByte))
            {
                return Invalid(ref token);
            }

            end = EndOfDigits(exponent);
        }

        return Finish(ref token, TokenKind.Number, end);
    }

    private Token Dot(ref Token token)
    {
        var next = At(1);
        if (!_separatorNext && next >= 0 && Is((byte)next, DigitByte))
        {
            return Fraction(ref token, _position + 1);
        }

        _separatorNext = false;
        _identifierNext = next >= 0 && IsIdentifier((byte)next);
        return Symbol(ref token, (byte)'.', 1);
    }

    private Token Quoted(ref Token token, TokenKind kind, byte quote, bool backslash)
    {
        var end = EndOfQuoted(_position, quote, backslash);
        if (end < 0 || (kind == TokenKind.QuotedWord && _sql[_position..end].Contains((byte)0)))
        {
            return Invalid(ref token);
        }

        return Finish(ref token, kind, end);
    }

    private readonly int EndOfQuoted(int start, byte quote, bool backslash)
    {
        var position = start + 1;
        while (position < _sql.Length)
        {
            var rest = _sql[position..];
            var hit = backslash ? rest.IndexOfAny(quote, (byte)'\\') : rest.IndexOf(quote);
            if (hit < 0)
            {
                return -1;
            }

            position += hit;
            if (_sql[position] != quote || (position + 1 < _sql.Length && _sql[position + 1] == quote))
            {
                position += 2;
                continue;
            }

            return position + 1;
        }

        return -1;
    }

    private Token Variable(ref Token token)
    {
        if (At(1) == '@')
        {
            return SystemVariable(ref token);
        }

        var end = At(1) switch
        {
            '\'' => EndOfQuoted(_position + 1, (byte)'\'', !_options.NoBackslashEscapes),
            '"' => EndOfQuoted(_position + 1, (byte)'"', !_options.AnsiQuotes && !_options.NoBackslashEscapes),
            '`' => EndOfQuoted(_position + 1, (byte)'`', false),
            _ => EndOfVariable(_position + 1),
        };
        return end < 0 ? Invalid(ref token) : Finish(ref token, TokenKind.UserVariable, end);
    }

    private readonly int EndOfVariable(int position)
    {
        while (position < _sql.Length && (IsIdentifier(_sql[position]) || _sql[position] == '.'))
        {
            position++;
        }

        return position;
    }

    private Token SystemVariable(ref Token token)
    {
        var position = _position + 2;
        while (true)
        {
            var end = position < _sql.Length && _sql[position] == '`' ? EndOfQuoted(position, (byte)'`', false) : EndOfIdentifier(position);
            if (end <= position)
            {
                return Invalid(ref token);
            }

            if (end + 1 < _sql.Length && _sql[end] == '.' && (_sql[end + 1] == '`' || IsIdentifier(_sql[end + 1])))
            {
                position = end + 1;
                continue;
            }

            return Finish(ref token, TokenKind.SystemVariable, end);
        }
    }

    private Token Symbol(ref Token token, byte symbol, int length)
    {
        token.Symbol = symbol;
        return Finish(ref token, TokenKind.Symbol, _position + length);
    }

    private Token Finish(ref Token token, TokenKind kind, int end)
    {
        token.Kind = kind;
        token.Start = _position;
        token.Length = end - _position;
        _position = end;
        return token;
    }

    private Token Invalid(ref Token token)
    {
        token.Kind = TokenKind.Invalid;
        token.Keyword = Keyword.None;
        token.Start = Math.Min(_position, _sql.Length);
        token.Length = _sql.Length - token.Start;
        _position = _sql.Length;
        _inGate = false;
        _identifierNext = false;
        return token;
    }
}
