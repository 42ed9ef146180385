using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

internal ref partial struct StatementReader
{
    private void TakePriorities()
    {
        while (_token.Keyword is Keyword.LowPriority or Keyword.HighPriority or Keyword.Delayed or Keyword.Quick or Keyword.Ignore or Keyword.Concurrent)
        {
            Advance();
        }
    }

    private void ReadInsert(StatementKind kind)
    {
        _found.Kind = kind;
        TakePriorities();
        Take(Keyword.Into);
        ReadNamedTable(TableAccess.Write);
        if (Take(Keyword.Partition))
        {
            SkipParentheses();
        }

        while (!AtEnd)
        {
            if (At((byte)')') || At((byte)'}') || At(Keyword.From))
            {
                Fail();
            }
            else if (AtQueryStart && !At(Keyword.Values))
            {
                ReadQueryExpression();
            }
            else if (AtSetOperator)
            {
                ReadSetOperation();
            }
            else if (Take(Keyword.As))
            {
                // A row alias: AS new [(columns)]
                Advance();
                if (At((byte)'('))
                {
                    SkipParentheses();
                }
            }
            else
            {
                ScanElement();
            }
        }
    }

    private void ReadUpdate()
    {
        _found.Kind = StatementKind.Update;
        TakePriorities();
        var first = _found.Tables.Count;
        ReadTableReferences();
        var end = _found.Tables.Count;
        Expect(Keyword.Set);
        var targets = 0;
        do
        {
            ReadAssignedColumn(first, end);
            ScanExpression(Stops.Comma | Stops.Clause);
        }
        while (!_failed && Take((byte)',') && ++targets < int.MaxValue);

        ScanRest();
    }

    /// <summary>[[schema.]table.]column = : whose table is written, or all of them when the column alone is named.</summary>
    private void ReadAssignedColumn(int first, int end)
    {
        string? schema = null;
        string? table = null;
        Take((byte)'.');
        if (!_token.IsName)
        {
            Fail();
            return;
        }

        var last = _token;
        Advance();
        while (Take((byte)'.'))
        {
            if (!_token.IsName)
            {
                Fail();
                return;
            }

            schema = table;
            table = Name(last);
            last = _token;
            Advance();
        }

        if (!AtAssignment)
        {
            Fail();
            return;
        }

        Advance();
        if (!Target(schema, table, first, end))
        {
            Target(null, null, first, end);
        }
    }

    /// <summary>Raises to write what <paramref name="table"/> names among the tables found; null names all of them.</summary>
    private readonly bool Target(string? schema, string? table, int first, int end)
    {
        var hit = false;
        for (var i = first; i < end; i++)
        {
            var candidate = _found.Tables[i];
            if (candidate.Level != _queryLevel || (table is not null && !Names(candidate, schema, table)))
            {
                continue;
            }

            hit = true;
            if (table is null)
            {
                _found.RaiseOne(i, TableAccess.Write);
            }
            else
            {
                _found.MarkTarget(i);
            }
        }

        return hit;
    }

    private static bool Names(in FoundTable candidate, string? schema, string table) =>
        string.Equals(candidate.Alias ?? candidate.Name, table, StringComparison.OrdinalIgnoreCase)
        && (schema is null || candidate.Schema is null || candidate.Alias is not null
            || string.Equals(candidate.Schema, schema, StringComparison.OrdinalIgnoreCase));

    private void ReadDelete()
    {
        _found.Kind = StatementKind.Delete;
        TakePriorities();
        if (At(Keyword.History) && _ahead.Is(Keyword.From))
        {
            Advance();
        }

        if (!At(Keyword.From))
        {
            // DELETE targets FROM tables
            var named = ReadTargets();
            Expect(Keyword.From);
            ReadTargetedTables(named);
            return;
        }

        Advance();
        var lookahead = this;
        var targets = lookahead.ReadTargets();
        if (!lookahead._failed && lookahead.At(Keyword.Using))
        {
            // DELETE FROM targets USING tables
            this = lookahead;
            Advance();
            ReadTargetedTables(targets);
            return;
        }

        var first = _found.Tables.Count;
        ReadTableFactor();
        if (_failed || _found.Tables.Count != first + 1 || At((byte)',') || AtJoin)
        {
            Fail();
            return;
        }

        _found.MarkTarget(first);
        ScanRest();
    }

    private List<(string? Schema, string Name)> ReadTargets()
    {
        var targets = new List<(string?, string)>();
        do
        {
            if (targets.Count >= MaxTargets || !ReadTableName(out var schema, out var name))
            {
                Fail();
                return targets;
            }

            // name.* is written for Access' sake
            if (At((byte)'.') && _ahead.Is((byte)'*'))
            {
                Advance();
                Advance();
            }

            targets.Add((schema, name));
        }
        while (Take((byte)','));

        return targets;
    }

    private void ReadTargetedTables(List<(string? Schema, string Name)> targets)
    {
        var first = _found.Tables.Count;
        ReadTableReferences();
        var end = _found.Tables.Count;
        foreach (var (schema, name) in targets)
        {
            if (!Target(schema, name, first, end))
            {
                _found.Tables.Add(new FoundTable(schema, name, null, _queryLevel, IsTable: true, TableAccess.Write));
            }
        }

        ScanRest();
    }

    private void ReadTruncate()
    {
        _found.Kind = StatementKind.Truncate;
        _found.Effects |= SessionEffects.ImplicitCommit;
        Take(Keyword.Table);
        ReadNamedTable(TableAccess.Write);
        TakeWait();
        ExpectEnd();
    }

    /// <summary>MariaDB's WAIT n and NOWAIT.</summary>
    private void TakeWait()
    {
        if (Take(Keyword.Nowait))
        {
            return;
        }

        if (Take(Keyword.Wait))
        {
            Advance();
        }
    }

    private void ReadLoad()
    {
        if (At(Keyword.Index))
        {
            ReadOtherAdmin();
            return;
        }

        _found.Kind = StatementKind.LoadData;
        if (!Take(Keyword.Data) && !Take(Keyword.Xml))
        {
            Fail();
            return;
        }

        while (!AtEnd && !At(Keyword.Into))
        {
            if (At(Keyword.Local))
            {
                _found.Effects |= SessionEffects.LoadsLocalFile;
            }
            else if (At((byte)'('))
            {
                Fail();
            }

            Advance();
        }

        Expect(Keyword.Into);
        Expect(Keyword.Table);
        ReadNamedTable(TableAccess.Write);
        if (Take(Keyword.Partition))
        {
            SkipParentheses();
        }

        ReadLoadRest();
    }

    /// <summary>Formats, the list of columns and variables, and SET: a variable may be assigned wherever it stands.</summary>
    private void ReadLoadRest()
    {
        var columns = true;
        while (!AtEnd)
        {
            if (_token.Kind == TokenKind.Invalid)
            {
                Fail();
            }
            else if (_token.Kind == TokenKind.UserVariable)
            {
                TakeUserVariable(assigned: true);
            }
            else if (columns && Take(Keyword.Character))
            {
                Expect(Keyword.Set);
            }
            else if (At(Keyword.Set))
            {
                columns = false;
                Advance();
            }
            else if (columns)
            {
                Advance();
            }
            else if (At((byte)')'))
            {
                Fail();
            }
            else
            {
                ScanElement();
            }
        }
    }

    private void ReadCall()
    {
        _found.Kind = StatementKind.Call;
        _found.Effects |= SessionEffects.CallsProcedure;
        if (!ReadTableName(out var schema, out var name))
        {
            return;
        }

        if (schema is not null && At((byte)'.') && _ahead.IsName)
        {
            Advance();
            _found.Routines.Add(RoutineReference.OfPackage(schema, name, Name(_token), isProcedure: true));
            Advance();
        }
        else
        {
            _found.Routines.Add(new RoutineReference(schema, name, IsProcedure: true));
        }

        // Parameters may be OUT: every variable mentioned may be assigned.
        while (!AtEnd)
        {
            if (_token.Kind == TokenKind.Invalid)
            {
                Fail();
            }
            else if (_token.Kind == TokenKind.UserVariable)
            {
                TakeUserVariable(assigned: true);
            }
            else if (_token.Kind == TokenKind.SystemVariable || (_token.Kind == TokenKind.Word && _ahead.Is((byte)'(')))
            {
                ScanWordOrVariable();
            }
            else
            {
                // Tables of a subquery among the parameters are not looked for.
                _found.TablesUnknown |= _token.Keyword is Keyword.Select or Keyword.Table or Keyword.With or Keyword.Values || _token.Kind == TokenKind.QuotedWord;
                Advance();
            }
        }
    }

    /// <summary>Notes effects of a function's name or a system variable and leaves what follows to the caller.</summary>
    private void ScanWordOrVariable()
    {
        if (_token.Kind == TokenKind.SystemVariable)
        {
            TakeSystemVariable();
        }
        else
        {
            ScanWord();
        }
    }

    private void ReadDo()
    {
        _found.Kind = StatementKind.Do;
        ScanRest();
    }

    private void ReadHandler()
    {
        _found.Kind = StatementKind.Handler;
        if (!ReadTableName(out var schema, out var name))
        {
            return;
        }

        if (Take(Keyword.Open))
        {
            _found.Effects |= SessionEffects.OpensHandler;
            ReadAlias(out _);
            AddTable(schema, name, null, TableAccess.Read);
            ExpectEnd();
        }
        else if (Take(Keyword.Close))
        {
            _found.Effects |= SessionEffects.ClosesHandler;
            ExpectEnd();
        }
        else
        {
            // The name may be an alias given when it was opened.
            Expect(Keyword.Read);
            _found.TablesUnknown = true;
            ScanRest();
        }
    }
}
