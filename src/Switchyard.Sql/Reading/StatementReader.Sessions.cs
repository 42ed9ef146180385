using System.Buffers.Text;
using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

internal ref partial struct StatementReader
{
    private void ReadUse()
    {
        _found.Kind = StatementKind.Use;
        _found.Effects |= SessionEffects.ChangesSchema;
        if (!_token.IsName)
        {
            Fail();
            return;
        }

        _found.UseSchema = Name(_token);
        Advance();
        ExpectEnd();
    }

    private void ReadBegin()
    {
        _found.Kind = StatementKind.Begin;
        _found.Effects |= SessionEffects.BeginsTransaction | SessionEffects.ImplicitCommit;
        Take(Keyword.Work);

        // BEGIN NOT ATOMIC and whatever else follows is a block of statements.
        ExpectEnd();
    }

    private void ReadStart()
    {
        if (!Take(Keyword.Transaction))
        {
            ReadOtherAdmin();
            return;
        }

        _found.Kind = StatementKind.StartTransaction;
        _found.Effects |= SessionEffects.BeginsTransaction | SessionEffects.ImplicitCommit;
        if (AtEnd)
        {
            return;
        }

        do
        {
            if (Take(Keyword.With))
            {
                Expect(Keyword.Consistent);
                Expect(Keyword.Snapshot);
                _found.Effects |= SessionEffects.ConsistentSnapshot;
            }
            else
            {
                Expect(Keyword.Read);
                if (Take(Keyword.Only))
                {
                    _found.Kind = StatementKind.StartTransactionReadOnly;
                }
                else
                {
                    Expect(Keyword.Write);
                }
            }
        }
        while (Take((byte)','));
        ExpectEnd();
    }

    private void ReadCommit()
    {
        _found.Kind = StatementKind.Commit;
        ReadTransactionEnd();
    }

    private void ReadRollback()
    {
        Take(Keyword.Work);
        if (Take(Keyword.To))
        {
            Take(Keyword.Savepoint);
            ReadNamed(StatementKind.RollbackToSavepoint);
            return;
        }

        _found.Kind = StatementKind.Rollback;
        ReadTransactionEnd();
    }

    /// <summary>[WORK] [AND [NO] CHAIN] [[NO] RELEASE]</summary>
    private void ReadTransactionEnd()
    {
        _found.Effects |= SessionEffects.EndsTransaction;
        Take(Keyword.Work);
        if (Take(Keyword.And))
        {
            if (!Take(Keyword.No))
            {
                _found.Effects |= SessionEffects.BeginsTransaction;
            }

            Expect(Keyword.Chain);
        }

        var no = Take(Keyword.No);
        if (Take(Keyword.Release))
        {
            _found.Effects |= no ? SessionEffects.None : SessionEffects.ClosesConnection;
        }
        else if (no)
        {
            Fail();
        }

        ExpectEnd();
    }

    private void ReadReleaseSavepoint()
    {
        Expect(Keyword.Savepoint);
        ReadNamed(StatementKind.ReleaseSavepoint);
    }

    /// <summary>A statement that is a name and no more.</summary>
    private void ReadNamed(StatementKind kind)
    {
        _found.Kind = kind;
        if (!_token.IsName)
        {
            Fail();
            return;
        }

        Advance();
        ExpectEnd();
    }

    private void ReadLock()
    {
        if (At(Keyword.Instance))
        {
            _found.Kind = StatementKind.Admin;
            _found.Effects |= SessionEffects.LocksTables;
            _found.TablesUnknown = true;
            SkipRest();
            return;
        }

        _found.Kind = StatementKind.LockTables;
        _found.Effects |= SessionEffects.LocksTables | SessionEffects.ImplicitCommit;
        if (!Take(Keyword.Table))
        {
            Expect(Keyword.Tables);
        }

        do
        {
            if (!ReadTableName(out var schema, out var name))
            {
                return;
            }

            if (Take(Keyword.As) || (_token.IsName && _token.Keyword is not (Keyword.Read or Keyword.Write or Keyword.LowPriority)))
            {
                Advance();
            }

            if (Take(Keyword.Read))
            {
                Take(Keyword.Local);
                AddTable(schema, name, null, TableAccess.LockingRead);
            }
            else
            {
                Take(Keyword.LowPriority);
                Expect(Keyword.Write);
                Take(Keyword.Concurrent);
                AddTable(schema, name, null, TableAccess.Write);
            }
        }
        while (Take((byte)','));
        TakeWait();
        ExpectEnd();
    }

    private void ReadUnlock()
    {
        _found.Kind = StatementKind.UnlockTables;
        _found.Effects |= SessionEffects.UnlocksTables | SessionEffects.ImplicitCommit;
        if (Take(Keyword.Instance))
        {
            _found.Kind = StatementKind.Admin;
        }
        else if (!Take(Keyword.Tables))
        {
            Expect(Keyword.Table);
        }

        ExpectEnd();
    }

    private void ReadPrepare()
    {
        _found.Kind = StatementKind.Prepare;
        _found.TablesUnknown = true;
        _found.Effects |= SessionEffects.PreparesStatement;
        Advance();
        Expect(Keyword.From);
        ScanRest();
    }

    private void ReadExecute()
    {
        _found.Kind = StatementKind.Execute;
        _found.TablesUnknown = true;
        _found.Effects |= SessionEffects.ExecutesPrepared | SessionEffects.Opaque;
        while (!AtEnd)
        {
            if (_token.Kind == TokenKind.UserVariable)
            {
                // A prepared CALL may assign what is passed.
                TakeUserVariable(assigned: true);
            }
            else
            {
                ScanElement();
            }
        }
    }

    private void ReadDeallocate()
    {
        Expect(Keyword.Prepare);
        _found.Effects |= SessionEffects.DeallocatesPrepared;
        ReadNamed(StatementKind.Deallocate);
    }

    private void ReadXa()
    {
        var (kind, effects) = _token.Keyword switch
        {
            Keyword.Start or Keyword.Begin => (StatementKind.XaStart, SessionEffects.BeginsXa),
            Keyword.End => (StatementKind.XaEnd, SessionEffects.None),
            Keyword.Prepare => (StatementKind.XaPrepare, SessionEffects.None),
            Keyword.Commit => (StatementKind.XaCommit, SessionEffects.EndsXa),
            Keyword.Rollback => (StatementKind.XaRollback, SessionEffects.EndsXa),
            Keyword.Recover => (StatementKind.XaRecover, SessionEffects.None),
            _ => (StatementKind.Unknown, SessionEffects.None),
        };
        if (kind == StatementKind.Unknown)
        {
            Fail();
            return;
        }

        _found.Kind = kind;
        _found.Effects |= effects;
        SkipRest();
    }

    /// <summary>KILL [HARD | SOFT] [CONNECTION | QUERY [ID]] number, or USER and a name; anything else is left to the server.</summary>
    private void ReadKill()
    {
        _found.Kind = StatementKind.Kill;
        _found.DependsOnLiterals = true;
        if (!Take(Keyword.Hard))
        {
            Take(Keyword.Soft);
        }

        var queryOnly = Take(Keyword.Query);
        if (!queryOnly)
        {
            Take(Keyword.Connection);
        }

        if (_token.Is(Keyword.User) && _ahead.Kind is TokenKind.Word or TokenKind.QuotedWord or TokenKind.String)
        {
            Advance();
            _found.KilledUser = new KilledUser(queryOnly, _token.Kind == TokenKind.String ? Unquote(Text(_token)) : Name(_token), HasHost: _ahead.Kind != TokenKind.End && !_ahead.Is((byte)';'));
            SkipRest();
            return;
        }

        var text = Text(_token);
        var isNumber = Utf8Parser.TryParse(text, out ulong id, out var consumed) && consumed == text.Length && _token.Kind == TokenKind.Number;
        if ((isNumber || _token.Kind == TokenKind.Parameter) && (_ahead.Kind == TokenKind.End || _ahead.Is((byte)';')))
        {
            _found.KillTarget = new KillTarget(queryOnly, isNumber ? id : null, _token.Start, _token.Length);
        }

        SkipRest();
    }

    private void ReadGetDiagnostics()
    {
        _found.Kind = StatementKind.Diagnostics;
        _found.Effects |= SessionEffects.ReadsDiagnostics;
        while (!AtEnd)
        {
            if (_token.Kind == TokenKind.UserVariable)
            {
                TakeUserVariable(assigned: true);
            }
            else
            {
                ScanElement();
            }
        }
    }
}
