using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

internal ref partial struct StatementReader
{
    private void ReadSet()
    {
        _found.Kind = StatementKind.Set;
        if (_token.IsName && IsLocal(Name(_token)))
        {
            ReadAssignmentList();
            return;
        }

        if (At(Keyword.Password) && (_ahead.Is(Keyword.For) || _ahead.Is((byte)'=') || _ahead.Is(Keyword.To)))
        {
            ReadGrantLike();
            return;
        }

        if (At(Keyword.Default) && _ahead.Is(Keyword.Role))
        {
            ReadGrantLike();
            return;
        }

        if (At(Keyword.Role) && !_ahead.Is((byte)'=') && !_ahead.Is(Token.Assign))
        {
            Advance();
            _found.Effects |= SessionEffects.SetsRole;
            var start = _token;
            SkipRest();
            Assigned(SetScope.Role, "role", start);
            return;
        }

        if (At(Keyword.Resource) && _ahead.Is(Keyword.Group))
        {
            _found.Effects |= SessionEffects.Opaque;
            SkipRest();
            return;
        }

        if (At(Keyword.Statement) && _ahead.IsName)
        {
            ReadSetStatement();
            return;
        }

        if (AtTransactionCharacteristics(out var scope))
        {
            ReadTransactionCharacteristics(scope);
            return;
        }

        ReadAssignmentList();
    }

    /// <summary>SET STATEMENT name = value, … FOR statement: in force for that statement only.</summary>
    private void ReadSetStatement()
    {
        Advance();
        do
        {
            Advance();
            if (!AtAssignment)
            {
                Fail();
                return;
            }

            Advance();
            ScanExpression(Stops.Comma | Stops.For);
        }
        while (Take((byte)','));

        Expect(Keyword.For);
        ReadStatement();
        _found.NotPlain = true;
    }

    private readonly bool AtTransactionCharacteristics(out SetScope scope)
    {
        scope = _token.Keyword switch
        {
            Keyword.Transaction => SetScope.NextTransaction,
            Keyword.Global => SetScope.Global,
            _ => SetScope.Session,
        };
        return _token.Keyword == Keyword.Transaction
            ? _ahead.Kind == TokenKind.Word && !_ahead.Is(Keyword.None)
            : _token.Keyword is Keyword.Global or Keyword.Session or Keyword.Local && _ahead.Is(Keyword.Transaction);
    }

    private void ReadTransactionCharacteristics(SetScope scope)
    {
        if (!Take(Keyword.Transaction))
        {
            Advance();
            Advance();
        }

        _found.Effects |= scope switch
        {
            SetScope.NextTransaction => SessionEffects.SetsNextTransaction,
            SetScope.Global => SessionEffects.SetsGlobalVariables,
            _ => SessionEffects.None,
        };
        do
        {
            var name = "transaction_read_only";
            if (Take(Keyword.Isolation))
            {
                Expect(Keyword.Level);
                name = "transaction_isolation";
            }

            var start = _token;
            if (_token.Kind != TokenKind.Word)
            {
                Fail();
                return;
            }

            while (_token.Kind == TokenKind.Word)
            {
                Advance();
            }

            if (scope == SetScope.Session)
            {
                _found.AddSessionVariable(name);
            }

            _assignments?.Add(new SetAssignment(scope, name, start.Start, _lastEnd - start.Start, SetValueKind.Word));
        }
        while (Take((byte)','));
        ExpectEnd();
    }

    private void ReadAssignmentList()
    {
        var unscoped = SetScope.Session;
        do
        {
            if (_token.Kind == TokenKind.UserVariable)
            {
                ReadUserVariableAssignment();
            }
            else if (_token.Kind == TokenKind.SystemVariable)
            {
                var name = SystemVariableName(Text(_token), out var written);
                Advance();
                ReadVariableAssignment(ScopeOf(written, name), name);
            }
            else if (!_ahead.Is((byte)'=') && !_ahead.Is(Token.Assign) && _token.Keyword is Keyword.Names or Keyword.Charset or Keyword.Character)
            {
                ReadNames();
            }
            else
            {
                var scope = unscoped;
                if (_ahead.IsName && _token.Keyword is Keyword.Global or Keyword.Session or Keyword.Local or Keyword.Persist or Keyword.PersistOnly)
                {
                    scope = _token.Keyword switch
                    {
                        Keyword.Global => SetScope.Global,
                        Keyword.Persist => SetScope.Persist,
                        Keyword.PersistOnly => SetScope.PersistOnly,
                        _ => SetScope.Session,
                    };
                    unscoped = scope == SetScope.Session ? unscoped : SetScope.Ambiguous;
                    Advance();
                }

                ReadNamedAssignment(scope);
            }
        }
        while (!_failed && Take((byte)','));
        ExpectEnd();
    }

    private static SetScope ScopeOf(string written, string name) => written switch
    {
        "global" => SetScope.Global,
        "persist" => SetScope.Persist,
        "persist_only" => SetScope.PersistOnly,
        "" when name is "transaction_isolation" or "tx_isolation" or "transaction_read_only" or "tx_read_only" => SetScope.NextTransaction,
        _ => SetScope.Session,
    };

    private void ReadUserVariableAssignment()
    {
        if (_token.Length < 2 || !(_ahead.Is((byte)'=') || _ahead.Is(Token.Assign)))
        {
            Fail();
            return;
        }

        var name = VariableName(Text(_token)[1..]);
        _found.AddUserVariable(name, assigned: true);
        Advance();
        ReadValue(SetScope.UserVariable, name);
    }

    private void ReadNamedAssignment(SetScope scope)
    {
        if (!_token.IsName)
        {
            Fail();
            return;
        }

        var name = Name(_token).ToLowerInvariant();
        Advance();
        if (At((byte)'.') && _ahead.IsName)
        {
            Advance();
            name = name + "." + Name(_token).ToLowerInvariant();
            Advance();
        }

        ReadVariableAssignment(scope, name);
    }

    private void ReadVariableAssignment(SetScope scope, string name)
    {
        if (!AtAssignment)
        {
            Fail();
            return;
        }

        if (IsLocal(name))
        {
            ReadValue(SetScope.UserVariable, name);
            return;
        }

        switch (scope)
        {
            case SetScope.NextTransaction:
                _found.Effects |= SessionEffects.SetsNextTransaction;
                break;
            case SetScope.Session:
                _found.AddSessionVariable(name);
                break;
            case SetScope.Ambiguous:
                _found.AddSessionVariable(name);
                _found.Effects |= SessionEffects.SetsGlobalVariables;
                break;
            default:
                _found.Effects |= SessionEffects.SetsGlobalVariables;
                break;
        }

        _found.ChangesReading |= name is "sql_mode" or "character_set_client";
        if (name == "autocommit" && scope is SetScope.Session or SetScope.Ambiguous)
        {
            NoteAutocommit();
        }

        ReadValue(scope, name);
    }

    /// <summary>A parameter, a declared name, or a field of one or of a trigger's new row, in the body of a routine.</summary>
    private readonly bool IsLocal(string name)
    {
        if (_locals is null)
        {
            return false;
        }

        var dot = name.IndexOf('.', StringComparison.Ordinal);
        var first = dot < 0 ? name : name[..dot];
        return _locals.Contains(first) || (dot > 0 && first.Equals("new", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>At the equals sign of autocommit: what follows decides, so the shape alone does not tell.</summary>
    private void NoteAutocommit()
    {
        _found.DependsOnLiterals = true;
        var text = Text(_ahead).Trim("'\""u8);
        var third = PeekThird();
        var single = third.Kind == TokenKind.End || third.Is((byte)';') || third.Is((byte)',');
        _found.Effects |= !single ? SessionEffects.AutocommitUnknown
            : text.SequenceEqual("1"u8) || IsWord(text, "ON"u8) || IsWord(text, "TRUE"u8) ? SessionEffects.AutocommitOn
            : text.SequenceEqual("0"u8) || IsWord(text, "OFF"u8) || IsWord(text, "FALSE"u8) ? SessionEffects.AutocommitOff
            : SessionEffects.AutocommitUnknown;
    }

    private static bool IsWord(ReadOnlySpan<byte> text, ReadOnlySpan<byte> word) => System.Text.Ascii.EqualsIgnoreCase(text, word);

    /// <summary>SET NAMES charset [COLLATE collation], SET CHARACTER SET charset, SET CHARSET charset.</summary>
    private void ReadNames()
    {
        _found.Effects |= SessionEffects.SetsNames;
        _found.ChangesReading = true;
        var names = Take(Keyword.Names);
        if (!names && !Take(Keyword.Charset))
        {
            Advance();
            Expect(Keyword.Set);
        }

        var scope = names ? SetScope.Names : SetScope.CharacterSet;
        var value = _token;
        if (value.Kind is not (TokenKind.Word or TokenKind.String or TokenKind.QuotedWord))
        {
            Fail();
            return;
        }

        Advance();
        Assigned(scope, names ? "names" : "character set", value);
        if (names && Take(Keyword.Collate))
        {
            var collation = _token;
            if (collation.Kind is not (TokenKind.Word or TokenKind.String or TokenKind.QuotedWord))
            {
                Fail();
                return;
            }

            Advance();
            Assigned(scope, "collate", collation);
        }
    }

    /// <summary>At the sign of the assignment.</summary>
    private void ReadValue(SetScope scope, string name)
    {
        Advance();
        var first = _token;
        ScanExpression(Stops.Comma);
        if (_lastEnd <= first.Start)
        {
            Fail();
            return;
        }

        Assigned(scope, name, first);
    }

    private readonly void Assigned(SetScope scope, string name, scoped in Token first)
    {
        if (_assignments is null)
        {
            return;
        }

        var length = _lastEnd - first.Start;
        var single = length == first.Length;
        var kind = first.Kind switch
        {
            TokenKind.Word when single && first.Is(Keyword.Default) => SetValueKind.Default,
            TokenKind.Word or TokenKind.QuotedWord when single => SetValueKind.Word,
            TokenKind.String when single => SetValueKind.String,
            TokenKind.Number when single => SetValueKind.Number,
            TokenKind.Symbol when IsSignedNumber(_sql.Slice(first.Start, length)) => SetValueKind.Number,
            _ => SetValueKind.Expression,
        };
        _assignments.Add(new SetAssignment(scope, name, first.Start, length, kind));
    }

    private static bool IsSignedNumber(ReadOnlySpan<byte> text) =>
        text.Length > 1 && text[0] is (byte)'-' or (byte)'+' && !text[1..].ContainsAnyExcept("0123456789."u8);
}
