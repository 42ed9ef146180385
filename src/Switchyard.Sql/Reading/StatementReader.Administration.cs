using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

internal ref partial struct StatementReader
{
    private void ReadShow()
    {
        _found.Kind = StatementKind.Show;
        while (!AtEnd)
        {
            switch (_token.Keyword)
            {
                case Keyword.Warnings or Keyword.Errors:
                    _found.Effects |= SessionEffects.ReadsDiagnostics;
                    Advance();
                    ScanRest(fromAllowed: true);
                    return;
                case Keyword.Create:
                    Advance();
                    ReadShowCreate();
                    return;
                case Keyword.Columns or Keyword.Fields or Keyword.Index or Keyword.Indexes or Keyword.Keys:
                    Advance();
                    ReadShowTable();
                    return;
                case Keyword.Where or Keyword.Like or Keyword.From or Keyword.In or Keyword.For:
                    ScanRest(fromAllowed: true);
                    return;
                default:
                    ScanElement();
                    break;
            }
        }
    }

    private void ReadShowCreate()
    {
        var hasTable = _token.Keyword is Keyword.Table or Keyword.View or Keyword.Sequence;
        Advance();
        if (hasTable)
        {
            ReadNamedTable(TableAccess.Read);
            ExpectEnd();
            return;
        }

        SkipRest();
    }

    /// <summary>{FROM | IN} table [{FROM | IN} schema] …</summary>
    private void ReadShowTable()
    {
        if (!Take(Keyword.From))
        {
            Expect(Keyword.In);
        }

        if (!ReadTableName(out var schema, out var name))
        {
            return;
        }

        if (_token.Keyword is Keyword.From or Keyword.In)
        {
            Advance();
            if (!_token.IsName)
            {
                Fail();
                return;
            }

            schema = Name(_token);
            Advance();
        }

        AddTable(schema, name, null, TableAccess.Read);
        ScanRest();
    }

    private void ReadHelp()
    {
        _found.Kind = StatementKind.Show;
        SkipRest();
    }

    private readonly bool AtExplainable => At((byte)'(') || _token.Keyword is Keyword.Select or Keyword.With or Keyword.Insert or Keyword.Replace
        or Keyword.Update or Keyword.Delete or Keyword.Values or Keyword.Set || (_token.Is(Keyword.Table) && _ahead.IsName);

    /// <summary>EXPLAIN and its synonyms, of a statement or of a table.</summary>
    private void ReadExplain()
    {
        _found.Kind = StatementKind.Explain;
        while (!AtExplainable && !AtEnd)
        {
            var tableEnds = _ahead.Kind is TokenKind.End or TokenKind.String || _ahead.Is((byte)';') || _ahead.Is((byte)'.');
            if (!tableEnds && _token.Keyword is Keyword.Extended or Keyword.Partitions or Keyword.Analyze or Keyword.Verbose)
            {
                Advance();
            }
            else if (At(Keyword.Format) && (_ahead.Is((byte)'=')))
            {
                Advance();
                Advance();
                Advance();
            }
            else if (At(Keyword.Into) && _ahead.Kind == TokenKind.UserVariable)
            {
                Advance();
                TakeUserVariable(assigned: true);
            }
            else if (Take(Keyword.For))
            {
                if (At(Keyword.Connection))
                {
                    _found.TablesUnknown = true;
                    SkipRest();
                    return;
                }

                // FOR SCHEMA name: where the statement's names are looked for
                Advance();
                _found.Schema = _token.IsName ? Name(_token) : null;
                Advance();
            }
            else
            {
                ReadNamedTable(TableAccess.Read);
                SkipRest();
                return;
            }
        }

        ReadExplained();
    }

    private void ReadExplained()
    {
        if (AtEnd)
        {
            Fail();
            return;
        }

        ReadStatement();
        if (_found.Kind is StatementKind.Set or StatementKind.GrantLike)
        {
            Fail();
        }

        _found.Kind = StatementKind.Explain;
        _found.NotPlain = true;
    }

    /// <summary>ANALYZE TABLE, or MariaDB's ANALYZE of a statement, which executes it.</summary>
    private void ReadAnalyze()
    {
        if (At(Keyword.Format) || (AtExplainable && !At(Keyword.Table)))
        {
            ReadExplain();
            return;
        }

        ReadMaintenance(TableAccess.Write);
    }

    /// <summary>ANALYZE, OPTIMIZE, REPAIR, CHECK, CHECKSUM: [NO_WRITE_TO_BINLOG | LOCAL] TABLE list options</summary>
    private void ReadMaintenance(TableAccess access)
    {
        _found.Kind = StatementKind.Admin;
        _found.Effects |= SessionEffects.ImplicitCommit;
        if (!Take(Keyword.NoWriteToBinlog))
        {
            Take(Keyword.Local);
        }

        if (!Take(Keyword.Table) && !Take(Keyword.Tables))
        {
            Expect(Keyword.View);
        }

        ReadNamedTables(access);
        SkipRest();
    }

    private void ReadFlush()
    {
        _found.Kind = StatementKind.Admin;
        _found.Effects |= SessionEffects.ImplicitCommit;
        if (!Take(Keyword.NoWriteToBinlog))
        {
            Take(Keyword.Local);
        }

        if (!Take(Keyword.Tables) && !Take(Keyword.Table))
        {
            _found.TablesUnknown = true;
            SkipRest();
            return;
        }

        if (_token.IsName && !At(Keyword.With))
        {
            ReadNamedTables(TableAccess.Read);
        }
        else
        {
            _found.TablesUnknown = true;
        }

        while (!AtEnd)
        {
            if (_token.Keyword is Keyword.Lock or Keyword.Export)
            {
                _found.Effects |= SessionEffects.LocksTables;
            }
            else if (_token.Kind == TokenKind.Invalid)
            {
                Fail();
            }

            Advance();
        }
    }

    private void ReadBackup()
    {
        _found.Effects |= At(Keyword.Unlock) ? SessionEffects.UnlocksTables : SessionEffects.LocksTables;
        ReadOtherAdmin();
    }

    /// <summary>Server administration of which only that is known.</summary>
    private void ReadOtherAdmin()
    {
        _found.Kind = StatementKind.Admin;
        _found.TablesUnknown = true;
        _found.Effects |= SessionEffects.ImplicitCommit;
        SkipRest();
    }
}
