using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

/// <summary>Where <c>ScanExpression</c> stops besides the end and a closing bracket.</summary>
[Flags]
internal enum Stops
{
    None = 0,
    Comma = 1,
    Join = 2,
    Clause = 4,
    For = 8,
    As = 16,
    Hint = 32,
}

internal ref partial struct StatementReader
{
    private void ScanExpression(Stops stops)
    {
        while (!AtEnd && !At((byte)')') && !At((byte)'}') && !AtStop(stops))
        {
            ScanElement();
        }
    }

    private readonly bool AtStop(Stops stops)
    {
        if (_token.Kind == TokenKind.Symbol)
        {
            return (stops & Stops.Comma) != 0 && At((byte)',');
        }

        if (_token.Keyword == Keyword.None)
        {
            return false;
        }

        return ((stops & Stops.Join) != 0 && (AtJoin || At(Keyword.On) || At(Keyword.Using)))
            || ((stops & Stops.Clause) != 0 && (AtClause || AtSetOperator))
            || ((stops & Stops.For) != 0 && At(Keyword.For))
            || ((stops & Stops.As) != 0 && At(Keyword.As))
            || ((stops & Stops.Hint) != 0 && _token.Keyword is Keyword.Use or Keyword.Force or Keyword.Ignore && _ahead.Keyword is Keyword.Index or Keyword.Key);
    }

    /// <summary>One token of an expression, or one group in brackets. Always consumes something.</summary>
    private void ScanElement()
    {
        switch (_token.Kind)
        {
            case TokenKind.Invalid:
                Fail();
                break;
            case TokenKind.UserVariable:
                TakeUserVariable(_ahead.Is(Token.Assign));
                break;
            case TokenKind.SystemVariable:
                TakeSystemVariable();
                break;
            case TokenKind.QuotedWord when _ahead.Is((byte)'('):
                FoundStoredFunction(_token, _before.Is((byte)'.'));
                Advance();
                break;
            case TokenKind.QuotedWord when _ahead.Is((byte)'.'):
                NoteQualifier();
                Advance();
                break;
            case TokenKind.Word:
                ScanWord();
                break;
            case TokenKind.Symbol when At((byte)'('):
                ReadParentheses();
                break;
            case TokenKind.Symbol when At((byte)'{'):
                ReadBraces();
                break;
            case TokenKind.Symbol when _token.Symbol is (byte)':' or (byte)'@' or (byte)'}':
                Fail();
                break;
            default:
                Advance();
                break;
        }
    }

    private void ScanWord()
    {
        var before = _token;
        switch (_token.Keyword)
        {
            case Keyword.Select:
                ReadQueryExpression();
                return;
            case Keyword.SqlCalcFoundRows:
                _found.Effects |= SessionEffects.CalculatesFoundRows;
                break;
            case Keyword.For when _ahead.Keyword is Keyword.Update or Keyword.Share:
            case Keyword.Lock:
                _found.NotPlain = true;
                _found.Raise(0, TableAccess.LockingRead);
                break;
            case Keyword.Default when _ahead.Is((byte)'(') && _options.MariaDb:
                // What the column would be given: the next value of a sequence, where that is its default.
                FoundEffect(SessionEffects.UsesSequence);
                break;
            case Keyword.Next or Keyword.Previous when _ahead.Is(Keyword.Value) && PeekThird().Is(Keyword.For):
                ReadSequenceValue();
                return;
            case Keyword.Insert or Keyword.Replace when !_ahead.Is((byte)'('):
            case Keyword.Into or Keyword.Outfile or Keyword.Dumpfile or Keyword.Update or Keyword.Delete or Keyword.Drop or Keyword.Create
                or Keyword.Alter or Keyword.Call or Keyword.Grant or Keyword.Revoke or Keyword.Load or Keyword.Kill or Keyword.Rename
                or Keyword.Purge or Keyword.Procedure:
                // No read has these words unquoted; whatever this is, no replica shall have it.
                _found.NotPlain = true;
                break;
            default:
                break;
        }

        if (_before.Is((byte)'.') && IsSequencePseudoColumn(Text(_token)))
        {
            _found.NotPlain = true;
            _found.Effects |= SessionEffects.UsesSequence;
            _found.TablesUnknown = true;
        }

        if (_ahead.Is((byte)'('))
        {
            ReadFunctionName(before);
            return;
        }

        NoteQualifier();
        Advance();
    }

    /// <summary>At a name: it may be the schema, or MariaDB's package, of a function behind the dot.</summary>
    private void NoteQualifier()
    {
        if (_ahead.Is((byte)'.'))
        {
            _outerQualifier = _before.Is((byte)'.') ? _qualifier : default;
            _qualifier = _token;
        }
    }

    private static bool IsSequencePseudoColumn(ReadOnlySpan<byte> name) =>
        System.Text.Ascii.EqualsIgnoreCase(name, "nextval"u8) || System.Text.Ascii.EqualsIgnoreCase(name, "currval"u8);

    private void ReadFunctionName(scoped in Token name)
    {
        // Spaces around the dot do not make another function of it.
        var isQualified = _before.Is((byte)'.');
        var kind = isQualified ? BuiltInKind.None : BuiltIn.Find(Text(name), _options);
        if (kind == BuiltInKind.PureAdjacent && _ahead.SpaceBefore && !_options.IgnoreSpace)
        {
            kind = BuiltInKind.None;
        }

        var behindOperand = _before.Kind is TokenKind.String or TokenKind.Number or TokenKind.Parameter || _before.Is((byte)')');
        Advance();
        switch (kind)
        {
            case BuiltInKind.None:
            case BuiltInKind.OperatorBehindOperand when _options.MariaDb && !behindOperand:
                FoundStoredFunction(name, isQualified);
                break;
            case BuiltInKind.TakesLock:
                FoundEffect(SessionEffects.TakesNamedLock);
                break;
            case BuiltInKind.ReleasesLock:
                FoundEffect(SessionEffects.ReleasesNamedLock);
                break;
            case BuiltInKind.InspectsLock:
                FoundEffect(SessionEffects.InspectsNamedLock);
                break;
            case BuiltInKind.LastInsertId:
                FoundEffect(_ahead.Is((byte)')') ? SessionEffects.UsesLastInsertId : SessionEffects.UsesLastInsertId | SessionEffects.SetsLastInsertId);
                break;
            case BuiltInKind.Diagnostics:
                FoundEffect(SessionEffects.ReadsDiagnostics);
                break;
            case BuiltInKind.ServerIdentity:
                FoundEffect(SessionEffects.AsksServerIdentity);
                break;
            case BuiltInKind.Sequence:
                FoundEffect(SessionEffects.UsesSequence);
                Advance();
                ReadNamedTable(TableAccess.Write);
                ScanExpression(Stops.None);
                Expect((byte)')');
                break;
            default:
                break;
        }
    }

    private void ReadSequenceValue()
    {
        Advance();
        Advance();
        Advance();
        FoundEffect(SessionEffects.UsesSequence);
        ReadNamedTable(TableAccess.Write);
    }

    private readonly void FoundEffect(SessionEffects effect)
    {
        _found.Effects |= effect;
        _found.NotPlain = true;
    }

    private void FoundStoredFunction(scoped in Token name, bool isQualified)
    {
        _found.Effects |= SessionEffects.CallsStoredFunction;
        _found.NotPlain = true;
        var schema = isQualified && _qualifier.IsName ? Name(_qualifier) : null;
        _found.TablesUnknown |= isQualified && schema is null;
        _found.Routines.Add(
            schema is not null && _outerQualifier.IsName
                ? RoutineReference.OfPackage(Name(_outerQualifier), schema, Name(name), isProcedure: false)
                : new RoutineReference(schema, Name(name), IsProcedure: false));
    }

    /// <summary>A group in parentheses: a subquery, or any list of expressions.</summary>
    private void ReadParentheses()
    {
        if (!Enter())
        {
            return;
        }

        Expect((byte)'(');
        if (AtQueryStart)
        {
            ReadQueryExpression();
        }
        else
        {
            while (!AtEnd && !At((byte)')') && !At((byte)'}'))
            {
                if (AtSetOperator)
                {
                    ReadSetOperation();
                }
                else
                {
                    ScanElement();
                }
            }
        }

        Expect((byte)')');
        _nesting--;
    }

    /// <summary>{d '…'}, {ts '…'}, {fn …}</summary>
    private void ReadBraces()
    {
        if (!Enter())
        {
            return;
        }

        Advance();
        ScanExpression(Stops.None);
        Expect((byte)'}');
        _nesting--;
    }

    private void TakeUserVariable(bool assigned)
    {
        if (_token.Length < 2)
        {
            Fail();
            return;
        }

        _found.AddUserVariable(VariableName(Text(_token)[1..]), assigned);
        Advance();
    }

    private void TakeSystemVariable()
    {
        var effect = SystemVariableName(Text(_token), out _) switch
        {
            "last_insert_id" or "identity" => SessionEffects.UsesLastInsertId,
            "warning_count" or "error_count" => SessionEffects.ReadsDiagnostics,
            _ => SessionEffects.None,
        };
        FoundEffect(effect | SessionEffects.AsksServerIdentity);
        Advance();
    }

    /// <summary>The lower-case name in @@scope.name, and the scope ("" without one).</summary>
    private string SystemVariableName(ReadOnlySpan<byte> text, out string scope)
    {
        var name = Decode(text[2..]).Replace("`", "", StringComparison.Ordinal).ToLowerInvariant();
        scope = "";
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        if (dot > 0 && name[..dot] is "global" or "session" or "local" or "persist" or "persist_only")
        {
            scope = name[..dot];
            name = name[(dot + 1)..];
        }

        return name;
    }
}
