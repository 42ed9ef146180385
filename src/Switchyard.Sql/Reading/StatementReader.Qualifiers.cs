using System.Text;
using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

/// <summary>Names that may be schemas, of texts whose tables are not known.</summary>
internal ref partial struct StatementReader
{
    /// <summary>The statement that begins at an offset has been read to its end. Where it executes text, strings are looked into: they may be that text, or parts of it.</summary>
    private readonly void NoteQualifiers(int start)
    {
        if (!_found.NotUnderstood && (!_found.TablesUnknown || _found.Owner is not null))
        {
            return;
        }

        var text = _sql[start..Math.Max(start, _failed ? _sql.Length : _lastEnd)];
        var lexer = new Lexer(text, _options, GateMode.ByVersion);
        var executes = _found.Has(SessionEffects.PreparesStatement | SessionEffects.ExecutesPrepared);
        var strings = new List<(int Start, int Length)>();
        var before = default(Token);
        for (var token = lexer.Next(); token.Kind is not (TokenKind.End or TokenKind.Invalid); token = lexer.Next())
        {
            executes |= token.Keyword is Keyword.Execute or Keyword.Prepare;
            if (token.Is((byte)'.') && before is { IsName: true, AfterDot: false })
            {
                _found.Qualifiers.Add(QualifierIn(text, before));
            }
            else if (token.Kind == TokenKind.String)
            {
                strings.Add((token.Start, token.Length));
            }

            before = token;
        }

        if (!executes)
        {
            return;
        }

        foreach (var (at, length) in strings)
        {
            _found.DependsOnLiterals = true;
            if (SqlScanner.DecodeString(text.Slice(at, length), _options) is { } literal)
            {
                NoteQualifiersIn(Encoding.UTF8.GetBytes(literal));
            }
        }
    }

    private readonly void NoteQualifiersIn(ReadOnlySpan<byte> text)
    {
        var lexer = new Lexer(text, _options, GateMode.ByVersion);
        var before = default(Token);
        for (var token = lexer.Next(); token.Kind is not (TokenKind.End or TokenKind.Invalid); token = lexer.Next())
        {
            if (token.Is((byte)'.') && before is { IsName: true, AfterDot: false })
            {
                _found.Qualifiers.Add(QualifierIn(text, before));
            }

            before = token;
        }
    }

    private static string QualifierIn(ReadOnlySpan<byte> text, scoped in Token name)
    {
        var written = Encoding.UTF8.GetString(text.Slice(name.Start, name.Length));
        return name.Kind != TokenKind.QuotedWord ? written : written[1..^1].Replace(new string(written[0], 2), written[..1], StringComparison.Ordinal);
    }

    /// <summary>[IF [NOT] EXISTS] [schema.]name of a routine, trigger or event: its schema is where it matters.</summary>
    private void ReadOwned()
    {
        TakeIfExists();
        if (AtWord("BODY"u8) && _ahead.IsName)
        {
            // PACKAGE BODY
            Advance();
        }

        _found.TablesUnknown = true;
        if (ReadTableName(out var schema, out _))
        {
            _found.Owner = [schema];
        }
    }

    /// <summary>[IF [NOT] EXISTS] schema; without one it is the session's.</summary>
    private void ReadOwner()
    {
        TakeIfExists();
        _found.TablesUnknown = true;
        _found.Owner = [_token.IsName && _token.Keyword is not (Keyword.Default or Keyword.Character or Keyword.Charset or Keyword.Collate) ? Name(_token) : null];
    }
}
