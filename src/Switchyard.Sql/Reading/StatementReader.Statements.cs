using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

internal ref partial struct StatementReader
{
    /// <summary>Every statement of the text, to its end.</summary>
    public List<StatementInfo> ReadAll()
    {
        var statements = new List<StatementInfo>(1);
        var modeUncertain = false;
        var executed = false;
        while (true)
        {
            while (Take((byte)';'))
            {
            }

            if (_token.Kind == TokenKind.End)
            {
                return statements;
            }

            _found = new Findings();
            _nesting = 0;
            _queryLevel = 0;
            _commonTables.Clear();
            var start = _token.Start;
            if (modeUncertain)
            {
                Fail();
            }
            else
            {
                ReadStatement();
                if (!AtEnd)
                {
                    Fail();
                }

                // What was executed before may have changed the schema, or how this is to be read.
                _found.NotUnderstood |= executed;
            }

            NoteQualifiers(start);
            modeUncertain = _found.ChangesReading;
            executed |= _found.Has(SessionEffects.ExecutesPrepared);
            statements.Add(_found.ToInfo(_schema, _lexer.SawHint));
            _schema = _found.UseSchema ?? _schema;
        }
    }

    private void ReadStatement()
    {
        if (!Enter())
        {
            return;
        }

        if (At((byte)'('))
        {
            _found.Kind = StatementKind.Select;
            ReadQueryExpression();
            return;
        }

        var keyword = _token.Keyword;
        switch (keyword)
        {
            case Keyword.Select:
                _found.Kind = StatementKind.Select;
                ReadQueryExpression();
                break;
            case Keyword.Values:
                _found.Kind = StatementKind.Values;
                ReadQueryExpression();
                break;
            case Keyword.Table:
                _found.Kind = StatementKind.Table;
                ReadQueryExpression();
                break;
            case Keyword.With:
                ReadWithStatement();
                break;
            default:
                Advance();
                ReadAfterFirstWord(keyword);
                break;
        }

        _nesting--;
    }

    private void ReadAfterFirstWord(Keyword keyword)
    {
        switch (keyword)
        {
            case Keyword.Insert: ReadInsert(StatementKind.Insert); break;
            case Keyword.Replace: ReadInsert(StatementKind.Replace); break;
            case Keyword.Update: ReadUpdate(); break;
            case Keyword.Delete: ReadDelete(); break;
            case Keyword.Truncate: ReadTruncate(); break;
            case Keyword.Load: ReadLoad(); break;
            case Keyword.Call: ReadCall(); break;
            case Keyword.Do: ReadDo(); break;
            case Keyword.Handler: ReadHandler(); break;
            case Keyword.Create: ReadCreate(); break;
            case Keyword.Alter: ReadAlter(); break;
            case Keyword.Drop: ReadDrop(); break;
            case Keyword.Rename: ReadRename(); break;
            case Keyword.Grant or Keyword.Revoke: ReadGrantLike(); break;
            case Keyword.Set: ReadSet(); break;
            case Keyword.Use: ReadUse(); break;
            case Keyword.Show: ReadShow(); break;
            case Keyword.Help: ReadHelp(); break;
            case Keyword.Explain or Keyword.Describe or Keyword.Desc: ReadExplain(); break;
            case Keyword.Get: ReadGetDiagnostics(); break;
            case Keyword.Kill: ReadKill(); break;
            case Keyword.Begin: ReadBegin(); break;
            case Keyword.Start: ReadStart(); break;
            case Keyword.Commit: ReadCommit(); break;
            case Keyword.Rollback: ReadRollback(); break;
            case Keyword.Savepoint: ReadNamed(StatementKind.Savepoint); break;
            case Keyword.Release: ReadReleaseSavepoint(); break;
            case Keyword.Lock: ReadLock(); break;
            case Keyword.Unlock: ReadUnlock(); break;
            case Keyword.Prepare: ReadPrepare(); break;
            case Keyword.Execute: ReadExecute(); break;
            case Keyword.Deallocate: ReadDeallocate(); break;
            case Keyword.Xa: ReadXa(); break;
            case Keyword.Analyze: ReadAnalyze(); break;
            case Keyword.Optimize or Keyword.Repair: ReadMaintenance(TableAccess.Write); break;
            case Keyword.Check or Keyword.Checksum: ReadMaintenance(TableAccess.Read); break;
            case Keyword.Flush: ReadFlush(); break;
            case Keyword.Backup: ReadBackup(); break;
            case Keyword.Cache or Keyword.Reset or Keyword.Purge or Keyword.Change or Keyword.Stop or Keyword.Install or Keyword.Uninstall
                or Keyword.Shutdown or Keyword.Restart or Keyword.Import or Keyword.Clone:
                ReadOtherAdmin();
                break;
            case Keyword.Binlog:
                _found.ReplaysLog = true;
                ReadOtherAdmin();
                break;
            default: Fail(); break;
        }
    }

    /// <summary>WITH … before SELECT, UPDATE or DELETE; the names stay visible to the end of the statement.</summary>
    private void ReadWithStatement()
    {
        ReadCommonTables();
        switch (_token.Keyword)
        {
            case Keyword.Update:
                Advance();
                ReadUpdate();
                break;
            case Keyword.Delete:
                Advance();
                ReadDelete();
                break;
            default:
                _found.Kind = StatementKind.Select;
                ReadQueryExpression();
                break;
        }
    }

    /// <summary>Walks what is left of the statement as expressions.</summary>
    private void ScanRest(bool fromAllowed = false)
    {
        while (!AtEnd)
        {
            if (At((byte)')') || At((byte)'}') || (At(Keyword.From) && !fromAllowed))
            {
                Fail();
                return;
            }

            ScanElement();
        }
    }

    /// <summary>Skips what is left of the statement without looking; the caller has said all there is to say of it.</summary>
    private void SkipRest()
    {
        while (!AtEnd)
        {
            if (_token.Kind == TokenKind.Invalid)
            {
                Fail();
                return;
            }

            Advance();
        }
    }

    private void ExpectEnd()
    {
        if (!AtEnd)
        {
            Fail();
        }
    }
}
