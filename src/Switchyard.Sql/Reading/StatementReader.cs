using System.Text;
using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

/// <summary>
/// Reads statements by their clauses, far enough to find tables and effects; expressions are walked, not parsed. Anything it does not expect
/// makes it give up (<see cref="Fail"/>): the rest of the text is then one statement that is not understood.
/// </summary>
internal ref partial struct StatementReader
{
    /// <summary>Deeper nesting is given up; a query that people write has less than ten levels, and the servers themselves refuse a few hundred.</summary>
    private const int MaxNesting = 96;

    private const int MaxCommonTables = 256;
    private const int MaxTargets = 256;
    private readonly ReadOnlySpan<byte> _sql;
    private readonly ScanOptions _options;
    private readonly List<SetAssignment>? _assignments;
    private readonly List<string> _commonTables = [];
    private Lexer _lexer;
    private Token _before;
    private Token _token;
    private Token _ahead;

    /// <summary>The last name before a dot: the schema of the function behind it.</summary>
    private Token _qualifier;

    /// <summary>The name before a dot before <see cref="_qualifier"/>, if there is one.</summary>
    private Token _outerQualifier;
    private Findings _found = new();
    private int _lastEnd;
    private int _nesting;
    private int _queryLevel;
    private bool _failed;
    private string? _schema;

    /// <summary>Parameters and declared names within a routine's body, which SET may assign; null outside of one.</summary>
    private HashSet<string>? _locals;

    public StatementReader(ReadOnlySpan<byte> sql, in ScanOptions options, GateMode gateMode, List<SetAssignment>? assignments = null)
    {
        _sql = sql;
        _options = options;
        _assignments = assignments;
        _lexer = new Lexer(sql, options, gateMode);
        _token = _lexer.Next();
        _ahead = _lexer.Next();
    }

    public readonly bool SawGate => _lexer.SawGate;

    private readonly bool AtEnd => _token.Kind == TokenKind.End || _token.Is((byte)';');

    private void Advance()
    {
        if (_token.Kind == TokenKind.Invalid)
        {
            // Whoever passes over tokens has not looked at this one, behind which nothing is known.
            Fail();
            return;
        }

        _lastEnd = _token.EndOffset;
        _before = _token;
        _token = _ahead;
        _ahead = _lexer.Next();
    }

    private readonly bool At(Keyword keyword) => _token.Keyword == keyword;

    private readonly bool At(byte symbol) => _token.Is(symbol);

    private readonly bool AtAssignment => _token.Is((byte)'=') || _token.Is(Token.Assign);

    private bool Take(Keyword keyword)
    {
        if (_token.Keyword != keyword)
        {
            return false;
        }

        Advance();
        return true;
    }

    private bool Take(byte symbol)
    {
        if (!_token.Is(symbol))
        {
            return false;
        }

        Advance();
        return true;
    }

    private void Expect(Keyword keyword)
    {
        if (!Take(keyword))
        {
            Fail();
        }
    }

    private void Expect(byte symbol)
    {
        if (!Take(symbol))
        {
            Fail();
        }
    }

    /// <summary>The token after the next one; nothing is consumed.</summary>
    private readonly Token PeekThird()
    {
        var lexer = _lexer;
        return lexer.Next();
    }

    /// <summary>Gives up on this statement and all that follows it. User variables are still noted, since the session may carry them.</summary>
    private void Fail()
    {
        if (_failed)
        {
            return;
        }

        _failed = true;
        _found.NotUnderstood = true;
        while (_token.Kind is not (TokenKind.End or TokenKind.Invalid))
        {
            if (_token.Kind == TokenKind.UserVariable)
            {
                _found.AddUserVariable(VariableName(_sql.Slice(_token.Start + 1, _token.Length - 1)), assigned: true);
            }

            Advance();
        }

        _token = new Token { Start = _sql.Length };
        _ahead = _token;
    }

    private bool Enter()
    {
        if (++_nesting <= MaxNesting)
        {
            return true;
        }

        Fail();
        return false;
    }

    private readonly ReadOnlySpan<byte> Text(scoped in Token token) => _sql.Slice(token.Start, token.Length);

    /// <summary>The name a word stands for, its quotes removed.</summary>
    private string Name(scoped in Token token)
    {
        var text = Text(token);
        if (token.Kind == TokenKind.QuotedWord)
        {
            return Unquote(text);
        }

        return Decode(text);
    }

    private string VariableName(ReadOnlySpan<byte> text)
    {
        if (text.Length >= 2 && text[0] is (byte)'\'' or (byte)'"' or (byte)'`')
        {
            return Unquote(text).ToLowerInvariant();
        }

        return Decode(text).ToLowerInvariant();
    }

    private string Unquote(ReadOnlySpan<byte> text)
    {
        var name = Decode(text[1..^1]);
        var quote = (char)text[0];
        return name.Contains(quote, StringComparison.Ordinal) ? name.Replace(new string(quote, 2), quote.ToString(), StringComparison.Ordinal) : name;
    }

    private string Decode(ReadOnlySpan<byte> text)
    {
        var name = (_options.Encoding ?? Encoding.UTF8).GetString(text);
        if (name.Contains('\uFFFD', StringComparison.Ordinal))
        {
            // None of its character set, or of one that is not known here: the name cannot be compared with those we know.
            _found.TablesUnknown = true;
        }

        return name;
    }
}
