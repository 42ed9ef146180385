using System.Buffers.Text;
using System.Collections.Immutable;
using System.Text;
using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

/// <summary>Goes over the tokens of a query once; brackets are all it knows of the grammar.</summary>
internal ref struct ReadTraitsReader(ReadOnlySpan<byte> sql, in ScanOptions options)
{
    private static readonly HashSet<string> s_clock = Names(
        "NOW CURDATE CURTIME CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME LOCALTIME LOCALTIMESTAMP UTC_DATE UTC_TIME UTC_TIMESTAMP UNIX_TIMESTAMP");

    private static readonly HashSet<string> s_volatile = Names(
        "RAND UUID UUID_SHORT UUID_V4 UUID_V7 SYS_GUID RANDOM_BYTES SYSDATE SLEEP BENCHMARK ENCRYPT USER CURRENT_USER SESSION_USER SYSTEM_USER CURRENT_ROLE");

    /// <summary>Those that need no brackets behind them.</summary>
    private static readonly HashSet<string> s_bare = Names(
        "CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME LOCALTIME LOCALTIMESTAMP UTC_DATE UTC_TIME UTC_TIMESTAMP CURRENT_USER CURRENT_ROLE");

    private static readonly HashSet<string> s_orderSensitive = Names(
        "ANY_VALUE ROW_NUMBER FIRST_VALUE LAST_VALUE NTH_VALUE LAG LEAD NTILE JSON_OBJECTAGG JSON_ARRAYAGG");

    private readonly ReadOnlySpan<byte> _sql = sql;
    private Lexer _lexer = new(sql, options, GateMode.ByVersion);
    private Token _token;
    private Token _ahead;
    private int _depth;

    /// <summary>The depth inside a GROUP_CONCAT that has had no ORDER BY yet; 0 outside of one.</summary>
    private int _unsortedConcat;
    private ReadTraits _traits = new();

    public ReadTraits Read()
    {
        _ahead = _lexer.Next();
        Advance();
        while (_token.Kind is not (TokenKind.End or TokenKind.Invalid))
        {
            ReadOne();
        }

        // Understood to the end or not at all: what was not read may sort, cut and draw lots.
        return _token.Kind == TokenKind.End && _depth == 0 ? _traits : new ReadTraits { IsVolatile = true };
    }

    private void ReadOne()
    {
        switch (_token.Keyword)
        {
            case Keyword.Order when _ahead.Is(Keyword.By):
                Advance();
                Advance();
                ReadOrder();
                return;
            case Keyword.Limit or Keyword.Fetch when !_token.AfterDot:
                Advance();
                ReadLimit();
                return;
            case Keyword.Union or Keyword.Except or Keyword.Intersect when _depth == 0:
                // What stood before sorts and cuts a part.
                _traits = _traits with { HasOrder = false, Order = [], HasInnerLimit = _traits.HasInnerLimit || _traits.HasLimit, HasLimit = false, Limit = null };
                break;
            default:
                break;
        }

        if (_token.Is((byte)'('))
        {
            _depth++;
        }
        else if (_token.Is((byte)')'))
        {
            if (_unsortedConcat == _depth && _depth > 0)
            {
                _traits = _traits with { IsOrderSensitive = true };
                _unsortedConcat = 0;
            }

            _depth--;
        }
        else if (_token is { Kind: TokenKind.Word, AfterDot: false })
        {
            ReadWord();
        }

        Advance();
    }

    private void ReadWord()
    {
        var isCall = _ahead.Is((byte)'(');
        var name = Text(_token).ToUpperInvariant();
        if (!isCall && !s_bare.Contains(name))
        {
            return;
        }

        if (s_clock.Contains(name))
        {
            _traits = _traits with { UsesClock = true };
        }
        else if (s_volatile.Contains(name))
        {
            _traits = _traits with { IsVolatile = true };
        }
        else if (s_orderSensitive.Contains(name))
        {
            _traits = _traits with { IsOrderSensitive = true };
        }
        else if (name == "GROUP_CONCAT")
        {
            _unsortedConcat = _depth + 1;
        }
    }

    private void ReadOrder()
    {
        if (_unsortedConcat == _depth)
        {
            _unsortedConcat = 0;
        }

        if (_depth > 0)
        {
            return;
        }

        var keys = ImmutableArray.CreateBuilder<OrderKey>();
        var isKnown = true;
        do
        {
            isKnown &= TryReadKey(out var key);
            keys.Add(key);
            while (!AtEndOfOrder && !(_depth == 0 && _token.Is((byte)',')))
            {
                isKnown = false;
                ReadOne();
            }
        }
        while (TakeComma());
        _traits = _traits with { HasOrder = true, Order = isKnown ? keys.ToImmutable() : [] };
    }

    private readonly bool AtEndOfOrder => _token.Kind is TokenKind.End or TokenKind.Invalid
        || (_depth == 0 && _token.Keyword is Keyword.Limit or Keyword.Offset or Keyword.Fetch or Keyword.For or Keyword.Lock or Keyword.Into or Keyword.Procedure)
        || (_depth == 0 && (_token.Is((byte)')') || _token.Is((byte)';')));

    private bool TakeComma()
    {
        var isComma = _token.Is((byte)',');
        if (isComma)
        {
            Advance();
        }

        return isComma;
    }

    /// <summary>A name, its last part counting, or a position, and the direction behind it.</summary>
    private bool TryReadKey(out OrderKey key)
    {
        key = default;
        if (_token.Kind == TokenKind.Number && Utf8Parser.TryParse(Bytes(_token), out int position, out var used) && used == _token.Length)
        {
            key = new OrderKey(null, position);
        }
        else if (_token.IsName && !_ahead.Is((byte)'('))
        {
            while (_ahead.Is((byte)'.'))
            {
                Advance();
                Advance();
            }

            key = new OrderKey(Unquoted(_token), 0);
        }
        else
        {
            return false;
        }

        Advance();
        if (_token.Is(Keyword.Desc) || (_token.Kind == TokenKind.Word && Text(_token).Equals("ASC", StringComparison.OrdinalIgnoreCase)))
        {
            Advance();
        }

        return true;
    }

    private void ReadLimit()
    {
        if (_depth > 0)
        {
            _traits = _traits with { HasInnerLimit = true };
            return;
        }

        var count = Count(_token);
        if (_ahead.Is((byte)','))
        {
            Advance();
            Advance();
            count = Count(_token);
        }

        _traits = _traits with { HasLimit = true, Limit = count };
    }

    private readonly LimitCount? Count(in Token token) =>
        token.Kind == TokenKind.Number && Utf8Parser.TryParse(Bytes(token), out long rows, out var used) && used == token.Length
            ? new LimitCount(token.Start, token.Length, rows)
            : null;

    private void Advance()
    {
        _token = _ahead;
        if (_ahead.Kind is not (TokenKind.End or TokenKind.Invalid))
        {
            _ahead = _lexer.Next();
        }
    }

    private readonly ReadOnlySpan<byte> Bytes(in Token token) => _sql.Slice(token.Start, token.Length);

    private readonly string Text(in Token token) => Encoding.UTF8.GetString(Bytes(token));

    private readonly string Unquoted(in Token token)
    {
        var text = Text(token);
        return token.Kind == TokenKind.QuotedWord ? text[1..^1].Replace(text[..1] + text[..1], text[..1], StringComparison.Ordinal) : text;
    }

    private static HashSet<string> Names(string names) => [.. names.Split(' ')];
}
