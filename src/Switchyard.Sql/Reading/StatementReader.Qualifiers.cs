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
        var strings = new List<(int Start, int Length)>();
        var executes = Qualifiers.Collect(text, _options, _found.Qualifiers, strings);
        if (!executes && !_found.Has(SessionEffects.PreparesStatement | SessionEffects.ExecutesPrepared))
        {
            return;
        }

        foreach (var (at, length) in strings)
        {
            _found.DependsOnLiterals = true;
            if (SqlScanner.DecodeString(text.Slice(at, length), _options) is { } literal)
            {
                Qualifiers.Collect((_options.Encoding ?? Encoding.UTF8).GetBytes(literal), _options, _found.Qualifiers);
            }
        }
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
        _found.Owner = [_token.IsName && !AtSchemaOption ? Name(_token) : null];
    }

    /// <summary>An option of ALTER DATABASE in place of a name; some of the words may be names as well.</summary>
    private readonly bool AtSchemaOption => _token.Keyword is Keyword.Default or Keyword.Character or Keyword.Charset or Keyword.Collate or Keyword.Read
        || ((AtWord("ENCRYPTION"u8) || AtWord("COMMENT"u8)) && (_ahead.Is((byte)'=') || _ahead.Kind == TokenKind.String));
}
