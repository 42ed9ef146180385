using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

internal ref partial struct StatementReader
{
    private readonly bool AtQueryStart => _token.Keyword is Keyword.Select or Keyword.With
        || (_token.Is(Keyword.Table) && _ahead.IsName)
        || (_token.Is(Keyword.Values) && (_ahead.Is(Keyword.Row) || _ahead.Is((byte)'(')));

    /// <summary>A set operator with a query after it; the words alone are identifiers on older servers.</summary>
    private readonly bool AtSetOperator => _token.Keyword is Keyword.Union or Keyword.Except or Keyword.Intersect
        && (_ahead.Keyword is Keyword.All or Keyword.Distinct or Keyword.Select or Keyword.Values or Keyword.Table or Keyword.With || _ahead.Is((byte)'('));

    /// <summary>[WITH …] term { UNION | EXCEPT | INTERSECT term }, with everything that may follow.</summary>
    private void ReadQueryExpression()
    {
        if (!Enter())
        {
            return;
        }

        _queryLevel++;
        var visible = _commonTables.Count;
        if (At(Keyword.With))
        {
            ReadCommonTables();
        }

        ReadQueryTerm();
        while (AtSetOperator)
        {
            ReadSetOperation();
        }

        _commonTables.RemoveRange(visible, _commonTables.Count - visible);
        _queryLevel--;
        _nesting--;
    }

    private void ReadSetOperation()
    {
        Advance();
        if (At(Keyword.All) || At(Keyword.Distinct))
        {
            Advance();
        }

        ReadQueryTerm();
    }

    private void ReadQueryTerm()
    {
        var first = _found.Tables.Count;
        if (Take((byte)'('))
        {
            ReadQueryExpression();
            Expect((byte)')');
            ReadQueryBody(first, fromAllowed: false);
        }
        else if (Take(Keyword.Select))
        {
            ReadQueryBody(first, fromAllowed: true);
        }
        else if (Take(Keyword.Values))
        {
            ReadQueryBody(first, fromAllowed: false);
        }
        else if (Take(Keyword.Table))
        {
            ReadNamedTable(TableAccess.Read);
            ReadQueryBody(first, fromAllowed: false);
        }
        else
        {
            Fail();
        }
    }

    /// <summary>From behind SELECT to the end of its last clause.</summary>
    private void ReadQueryBody(int firstTable, bool fromAllowed)
    {
        while (!AtEnd && !At((byte)')') && !At((byte)'}') && !AtSetOperator)
        {
            switch (_token.Keyword)
            {
                case Keyword.From when fromAllowed:
                    fromAllowed = false;
                    Advance();
                    ReadTableReferences();
                    if (!AtEndOfFrom)
                    {
                        Fail();
                    }

                    break;
                case Keyword.From:
                    Fail();
                    break;
                case Keyword.Into:
                    ReadInto();
                    break;
                case Keyword.For:
                    ReadLockingClause(firstTable);
                    break;
                case Keyword.Lock:
                    Advance();
                    Expect(Keyword.In);
                    Expect(Keyword.Share);
                    _found.Raise(firstTable, TableAccess.LockingRead);
                    _found.NotPlain = true;
                    break;
                case Keyword.With:
                    Advance();
                    if (_token.Keyword is Keyword.Rollup or Keyword.Ties or Keyword.Check or Keyword.Cascaded or Keyword.Local)
                    {
                        Advance();
                    }
                    else
                    {
                        Fail();
                    }

                    break;
                case Keyword.Select:
                    Fail();
                    break;
                default:
                    ScanElement();
                    break;
            }
        }
    }

    /// <summary>What may stand behind the tables of a FROM clause; a comma after an unknown clause must not hide a table.</summary>
    private readonly bool AtEndOfFrom => AtEnd || At((byte)')') || At((byte)'}') || AtSetOperator || AtClause
        || AtOnDuplicate || _token.Is(Keyword.With);

    /// <summary>ON DUPLICATE KEY; duplicate alone may be a column of a join condition.</summary>
    private readonly bool AtOnDuplicate => _token.Is(Keyword.On) && _ahead.Is(Keyword.Duplicate) && PeekThird().Is(Keyword.Key);

    /// <summary>A word that begins a clause behind FROM.</summary>
    private readonly bool AtClause => _token.Keyword switch
    {
        Keyword.Where or Keyword.Group or Keyword.Having or Keyword.Order or Keyword.Limit or Keyword.For or Keyword.Lock or Keyword.Into
            or Keyword.Procedure or Keyword.Set or Keyword.Fetch => true,
        Keyword.Returning => _options.MariaDb,
        Keyword.Offset => _ahead.Kind is TokenKind.Number or TokenKind.Parameter,
        Keyword.Window => _ahead.IsName && PeekThird().Is(Keyword.As),
        _ => false,
    };

    private void ReadInto()
    {
        Advance();
        _found.NotPlain = true;
        if (At(Keyword.Outfile) || At(Keyword.Dumpfile))
        {
            _found.Effects |= SessionEffects.WritesServerFile;
            Advance();
            return;
        }

        while (_token.Kind == TokenKind.UserVariable)
        {
            TakeUserVariable(assigned: true);
            if (!Take((byte)','))
            {
                break;
            }
        }
    }

    private void ReadLockingClause(int firstTable)
    {
        Advance();
        if (At(Keyword.Update) || At(Keyword.Share))
        {
            Advance();
            _found.Raise(firstTable, TableAccess.LockingRead);
            _found.NotPlain = true;
        }
        else
        {
            Fail();
        }
    }

    /// <summary>
    /// WITH [RECURSIVE] name [(columns)] AS (query) [CYCLE …], … A name is visible to what follows it, under RECURSIVE also to its own query; a name
    /// used before counts as a table, which errs to the safe side.
    /// </summary>
    private void ReadCommonTables()
    {
        Advance();
        var recursive = Take(Keyword.Recursive);
        do
        {
            if (!_token.IsName || _commonTables.Count >= MaxCommonTables)
            {
                Fail();
                return;
            }

            var name = Name(_token);
            Advance();
            if (At((byte)'('))
            {
                SkipParentheses();
            }

            Expect(Keyword.As);
            Expect((byte)'(');
            if (recursive)
            {
                _commonTables.Add(name);
            }

            ReadQueryExpression();
            Expect((byte)')');
            if (!recursive)
            {
                _commonTables.Add(name);
            }

            if (Take(Keyword.Cycle))
            {
                while (!AtEnd && !Take(Keyword.Restrict))
                {
                    Advance();
                }
            }
        }
        while (Take((byte)','));
    }

    /// <summary>Skips a list in parentheses that holds nothing but names and literals.</summary>
    private void SkipParentheses()
    {
        Expect((byte)'(');
        while (!AtEnd && !At((byte)')'))
        {
            if (At((byte)'(') || _token.Keyword == Keyword.Select || _token.Kind == TokenKind.Invalid)
            {
                Fail();
                return;
            }

            Advance();
        }

        Expect((byte)')');
    }
}
