using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

/// <summary>Bodies of stored routines and triggers: blocks, branches and loops around statements. What every branch may do counts as done.</summary>
internal ref partial struct StatementReader
{
    /// <summary>What the whole body may do.</summary>
    public StatementInfo ReadRoutine(IEnumerable<string> parameters, string schema)
    {
        _locals = new HashSet<string>(parameters, StringComparer.OrdinalIgnoreCase);
        ReadRoutineStatement();
        Take((byte)';');
        if (_token.Kind != TokenKind.End)
        {
            Fail();
        }

        _found.Kind = StatementKind.Call;
        NoteQualifiers(0);
        return _found.ToInfo(schema, hasHints: false);
    }

    private void ReadRoutineStatement()
    {
        if (!Enter())
        {
            return;
        }

        if (_token.IsName && _ahead.Is((byte)':'))
        {
            Advance();
            Advance();
        }

        switch (_token.Keyword)
        {
            case Keyword.Begin: ReadBlock(); break;
            case Keyword.If: ReadIf(); break;
            case Keyword.Case: ReadCase(); break;
            case Keyword.While: ReadWhile(); break;
            case Keyword.Loop: ReadLoop(); break;
            case Keyword.Repeat: ReadRepeat(); break;
            case Keyword.Fetch: ReadFetch(); break;
            case Keyword.For: Fail(); break;
            default: ReadSimpleRoutineStatement(); break;
        }

        _nesting--;
    }

    private void ReadSimpleRoutineStatement()
    {
        if (TakeWord("DECLARE"u8))
        {
            ReadDeclare();
        }
        else if (TakeWord("RETURN"u8) || TakeWord("SIGNAL"u8) || TakeWord("RESIGNAL"u8) || TakeWord("OPEN"u8) || TakeWord("CLOSE"u8)
            || TakeWord("LEAVE"u8) || TakeWord("ITERATE"u8))
        {
            ScanRest();
        }
        else
        {
            ReadWithin(isQuery: false);
        }
    }

    /// <summary>A statement as it could stand alone. Its tables are found apart, so that no alias of another statement is taken for one of its own.</summary>
    private void ReadWithin(bool isQuery)
    {
        var all = _found;
        _found = new Findings();
        _queryLevel = 0;
        _commonTables.Clear();
        if (isQuery)
        {
            _found.Kind = StatementKind.Select;
            ReadQueryExpression();
        }
        else
        {
            ReadStatement();
        }

        if (!AtEnd)
        {
            Fail();
        }

        all.Absorb(_found);
        _found = all;
    }

    private void ReadBlock()
    {
        Advance();
        if (TakeWord("NOT"u8))
        {
            ExpectWord("ATOMIC"u8);
        }

        ReadRoutineStatements();
        Expect(Keyword.End);
        TakeLabel();
    }

    private void ReadIf()
    {
        Advance();
        ReadBranch("THEN"u8);
        while (TakeWord("ELSEIF"u8))
        {
            ReadBranch("THEN"u8);
        }

        EndBranches(Keyword.If);
    }

    private void ReadCase()
    {
        Advance();
        ScanUntil("WHEN"u8);
        while (TakeWord("WHEN"u8))
        {
            ReadBranch("THEN"u8);
        }

        EndBranches(Keyword.Case);
    }

    private void ReadWhile()
    {
        Advance();
        ReadBranch("DO"u8);
        EndLoop(Keyword.While);
    }

    private void ReadLoop()
    {
        Advance();
        ReadRoutineStatements();
        EndLoop(Keyword.Loop);
    }

    private void ReadRepeat()
    {
        Advance();
        ReadRoutineStatements();
        ExpectWord("UNTIL"u8);
        ScanUntil("END"u8);
        EndLoop(Keyword.Repeat);
    }

    /// <summary>The last branch, if there is one, and the end of the branches.</summary>
    private void EndBranches(Keyword keyword)
    {
        if (TakeWord("ELSE"u8))
        {
            ReadRoutineStatements();
        }

        Expect(Keyword.End);
        Expect(keyword);
    }

    private void EndLoop(Keyword keyword)
    {
        Expect(Keyword.End);
        Expect(keyword);
        TakeLabel();
    }

    private void ReadFetch()
    {
        Advance();
        ScanRest(fromAllowed: true);
    }

    private void ReadDeclare()
    {
        if (_ahead.Is(Keyword.Handler))
        {
            Advance();
            Advance();
            ReadHandlerDeclaration();
            return;
        }

        do
        {
            if (!_token.IsName)
            {
                Fail();
                return;
            }

            _locals!.Add(Name(_token));
            Advance();
        }
        while (Take((byte)','));

        if (TakeWord("CURSOR"u8))
        {
            Expect(Keyword.For);
            ReadWithin(isQuery: true);
        }
        else if (TakeWord("CONDITION"u8))
        {
            SkipRest();
        }
        else
        {
            ReadTypeAndDefault();
        }
    }

    /// <summary>A type is not walked as an expression: VARCHAR(10) would look like a function.</summary>
    private void ReadTypeAndDefault()
    {
        while (!AtEnd && !At(Keyword.Default))
        {
            if (At((byte)'('))
            {
                SkipParentheses();
            }
            else
            {
                Advance();
            }
        }

        if (Take(Keyword.Default))
        {
            ScanRest();
        }
    }

    private void ReadHandlerDeclaration()
    {
        Expect(Keyword.For);
        do
        {
            if (TakeWord("SQLSTATE"u8))
            {
                TakeWord("VALUE"u8);
                Advance();
            }
            else if (TakeWord("NOT"u8))
            {
                ExpectWord("FOUND"u8);
            }
            else
            {
                Advance();
            }
        }
        while (Take((byte)','));
        ReadRoutineStatement();
    }

    private void ReadBranch(ReadOnlySpan<byte> introduction)
    {
        ScanUntil(introduction);
        ExpectWord(introduction);
        ReadRoutineStatements();
    }

    private void ReadRoutineStatements()
    {
        while (!_failed && _token.Kind != TokenKind.End && !At(Keyword.End)
            && !AtWord("ELSE"u8) && !AtWord("ELSEIF"u8) && !AtWord("WHEN"u8) && !AtWord("UNTIL"u8))
        {
            ReadRoutineStatement();
            Expect((byte)';');
        }
    }

    /// <summary>Walks an expression up to a word that is not inside a CASE of its own.</summary>
    private void ScanUntil(ReadOnlySpan<byte> word)
    {
        var cases = 0;
        while (!_failed && !AtEnd && !(cases == 0 && AtWord(word)))
        {
            cases += At(Keyword.Case) ? 1 : At(Keyword.End) ? -1 : 0;
            ScanElement();
        }
    }

    private void TakeLabel()
    {
        if (_token.IsName)
        {
            Advance();
        }
    }

    private readonly bool AtWord(ReadOnlySpan<byte> word) =>
        _token.Kind == TokenKind.Word && !_token.AfterDot && System.Text.Ascii.EqualsIgnoreCase(Text(_token), word);

    private bool TakeWord(ReadOnlySpan<byte> word)
    {
        if (!AtWord(word))
        {
            return false;
        }

        Advance();
        return true;
    }

    private void ExpectWord(ReadOnlySpan<byte> word)
    {
        if (!TakeWord(word))
        {
            Fail();
        }
    }
}
