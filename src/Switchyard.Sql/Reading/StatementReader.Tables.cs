using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

internal ref partial struct StatementReader
{
    private readonly bool AtJoin => _token.Keyword switch
    {
        Keyword.Join or Keyword.StraightJoin or Keyword.Inner or Keyword.Cross or Keyword.Natural => true,
        Keyword.Left or Keyword.Right or Keyword.Full => _ahead.Keyword is Keyword.Join or Keyword.Outer,
        _ => false,
    };

    /// <summary>The tables of a FROM clause: commas, joins, nesting; read access until the caller raises it.</summary>
    private void ReadTableReferences()
    {
        if (!Enter())
        {
            return;
        }

        ReadTableFactor();
        while (!_failed)
        {
            if (Take((byte)','))
            {
                ReadTableFactor();
            }
            else if (AtJoin)
            {
                while (AtJoin && !At(Keyword.Join) && !At(Keyword.StraightJoin))
                {
                    Advance();
                    Take(Keyword.Outer);
                }

                if (!Take(Keyword.Join) && !Take(Keyword.StraightJoin))
                {
                    Fail();
                }

                ReadTableFactor();
            }
            else if (At(Keyword.On) && !AtOnDuplicate)
            {
                Advance();
                ScanExpression(Stops.Comma | Stops.Join | Stops.Clause);
            }
            else if (Take(Keyword.Using))
            {
                SkipParentheses();
            }
            else
            {
                break;
            }
        }

        _nesting--;
    }

    private void ReadTableFactor()
    {
        if (Take((byte)'{'))
        {
            Advance();
            ReadTableReferences();
            Expect((byte)'}');
            return;
        }

        if (At((byte)'(') || (At(Keyword.Lateral) && _ahead.Is((byte)'(')))
        {
            Take(Keyword.Lateral);
            ReadTableParentheses();
            return;
        }

        if (At(Keyword.JsonTable) && _ahead.Is((byte)'('))
        {
            Advance();
            ReadParentheses();
            ReadAlias(out _);
            return;
        }

        if (Take(Keyword.Dual))
        {
            return;
        }

        if (!ReadTableName(out var schema, out var name))
        {
            return;
        }

        if (At((byte)'('))
        {
            // A table function we do not know.
            Fail();
            return;
        }

        if (Take(Keyword.Partition))
        {
            SkipParentheses();
        }

        if (At(Keyword.For) && _ahead.Is(Keyword.SystemTime))
        {
            Advance();
            Advance();
            ReadSystemTime();
        }
        else if (At(Keyword.For) && _ahead.Is(Keyword.Portion))
        {
            Advance();
            Advance();
            Expect(Keyword.Of);
            Advance();
            Expect(Keyword.From);
            ScanExpression(Stops.Clause | Stops.Comma);
        }

        ReadAlias(out var alias);
        AddTable(schema, name, alias, TableAccess.Read);
        while (_token.Keyword is Keyword.Use or Keyword.Force or Keyword.Ignore && _ahead.Keyword is Keyword.Index or Keyword.Key)
        {
            Advance();
            Advance();
            if (Take(Keyword.For))
            {
                // JOIN, ORDER BY or GROUP BY
                Advance();
                Take(Keyword.By);
            }

            SkipParentheses();
        }
    }

    /// <summary>AS OF expression | BETWEEN a AND b | FROM a TO b | ALL. The alias, if any, needs AS to be told from the expression.</summary>
    private void ReadSystemTime()
    {
        if (Take(Keyword.All))
        {
            return;
        }

        if (At(Keyword.As) && _ahead.Is(Keyword.Of))
        {
            Advance();
        }

        Advance();
        ScanExpression(Stops.Comma | Stops.Join | Stops.Clause | Stops.As | Stops.Hint);
    }

    /// <summary>A derived table or a nested join; which of them may show only behind several parentheses.</summary>
    private void ReadTableParentheses()
    {
        if (!Enter())
        {
            return;
        }

        Expect((byte)'(');
        var first = _found.Tables.Count;
        var derived = AtQueryStart;
        if (derived)
        {
            ReadQueryExpression();
        }
        else
        {
            ReadTableReferences();
            while (AtSetOperator)
            {
                derived = true;
                ReadSetOperation();
            }

            if (!At((byte)')'))
            {
                // What stands behind a query in parentheses; behind tables a comma after an unknown clause must not hide another.
                if (!AtEndOfFrom)
                {
                    Fail();
                }

                ReadQueryBody(first, fromAllowed: false);
            }
        }

        Expect((byte)')');
        ReadAlias(out var alias);
        if (alias is not null || derived)
        {
            _found.Tables.Add(new FoundTable(null, "", alias, _queryLevel, IsTable: false, TableAccess.Read));
        }

        _nesting--;
    }

    private void ReadAlias(out string? alias)
    {
        alias = null;
        if (Take(Keyword.As))
        {
            if (!_token.IsName)
            {
                Fail();
                return;
            }
        }
        else if (_token.Kind != TokenKind.QuotedWord && (_token.Kind != TokenKind.Word || !MayBeAlias))
        {
            return;
        }

        alias = Name(_token);
        Advance();
        if (At((byte)'('))
        {
            SkipParentheses();
        }
    }

    private readonly bool MayBeAlias => !AtJoin && !AtClause && !AtSetOperator && _token.Keyword switch
    {
        Keyword.On or Keyword.Using or Keyword.Set or Keyword.Partition or Keyword.Select or Keyword.With or Keyword.Values => false,
        Keyword.Use or Keyword.Force or Keyword.Ignore => false,
        _ => true,
    };

    /// <summary>name, schema.name or .name; false after giving up.</summary>
    private bool ReadTableName(out string? schema, out string name)
    {
        schema = null;
        name = "";
        Take((byte)'.');
        if (!_token.IsName || IsReserved(_token.Keyword))
        {
            Fail();
            return false;
        }

        name = Name(_token);
        Advance();
        if (At((byte)'.') && _ahead.IsName)
        {
            Advance();
            schema = name;
            name = Name(_token);
            Advance();
        }

        return true;
    }

    /// <summary>Words every server reserves and that would mean a table was expected where none is.</summary>
    private static bool IsReserved(Keyword keyword) => keyword is Keyword.Select or Keyword.From or Keyword.Where or Keyword.Set or Keyword.Values
        or Keyword.Into or Keyword.On or Keyword.Join or Keyword.Union or Keyword.Table or Keyword.With or Keyword.Group or Keyword.Order
        or Keyword.Limit or Keyword.Having or Keyword.Using or Keyword.Inner or Keyword.Left or Keyword.Right or Keyword.Cross or Keyword.Natural
        or Keyword.For or Keyword.Lock or Keyword.Insert or Keyword.Update or Keyword.Delete or Keyword.Replace or Keyword.Drop or Keyword.Create
        or Keyword.Alter or Keyword.As or Keyword.By or Keyword.Ignore or Keyword.Exists or Keyword.If or Keyword.Not or Keyword.Like or Keyword.Index
        or Keyword.Partition or Keyword.Read or Keyword.Write or Keyword.To or Keyword.References or Keyword.Default or Keyword.LowPriority;

    /// <summary>A table by name with nothing behind it.</summary>
    private void ReadNamedTable(TableAccess access)
    {
        if (ReadTableName(out var schema, out var name))
        {
            AddTable(schema, name, null, access);
        }
    }

    private void ReadNamedTables(TableAccess access)
    {
        do
        {
            ReadNamedTable(access);
        }
        while (Take((byte)','));
    }

    private const string FileNamePrefix = "#mysql50#";

    private void AddTable(string? schema, string name, string? alias, TableAccess access)
    {
        var isTable = true;
        if (schema is null && access == TableAccess.Read)
        {
            // Whether case counts here depends on the server: equal but for case is taken for both.
            isTable = !_commonTables.Contains(name);
        }

        // Up to MySQL 5.7 and MariaDB 10 what follows is the name of a file, which may be that of any table.
        _found.TablesUnknown |= name.StartsWith(FileNamePrefix, StringComparison.OrdinalIgnoreCase) || schema?.StartsWith(FileNamePrefix, StringComparison.OrdinalIgnoreCase) == true;
        if (IsOptimizerTrace(schema, name))
        {
            FoundEffect(SessionEffects.ReadsDiagnostics);
        }

        _found.Tables.Add(new FoundTable(schema, name, alias, _queryLevel, isTable, access));
    }

    /// <summary>The trace of the session's statement before.</summary>
    private static bool IsOptimizerTrace(string? schema, string name) =>
        schema is not null && name.Equals("optimizer_trace", StringComparison.OrdinalIgnoreCase) && schema.Equals("information_schema", StringComparison.OrdinalIgnoreCase);
}
