using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

internal ref partial struct StatementReader
{
    private void BeginDdl()
    {
        _found.Kind = StatementKind.Ddl;
        _found.Effects |= SessionEffects.ImplicitCommit;
    }

    private void ReadCreate()
    {
        BeginDdl();
        if (Take(Keyword.Or))
        {
            Expect(Keyword.Replace);
        }

        var temporary = ReadDefinitionModifiers();
        var kind = _token.Keyword;
        Advance();
        switch (kind)
        {
            case Keyword.Table:
                ReadCreateTable(temporary);
                break;
            case Keyword.Sequence:
                TakeIfExists();
                NoteTemporary(temporary);
                ReadNamedTable(TableAccess.Write);
                ScanDefinition(TableAccess.Read);
                break;
            case Keyword.View:
                TakeIfExists();
                ReadNamedTable(TableAccess.Write);
                ScanDefinition(TableAccess.Read);
                break;
            case Keyword.Index:
                ReadIndexTable();
                ScanDefinition(TableAccess.Read);
                break;
            case Keyword.Trigger:
                ReadIndexTable();
                _found.TablesUnknown = true;
                _found.Owner = [_found.Tables.Count > 0 ? _found.Tables[0].Schema : null];
                SkipRoutineBody();
                break;
            case Keyword.Procedure or Keyword.Function or Keyword.Event or Keyword.Package:
                ReadOwned();
                SkipRoutineBody();
                break;
            case Keyword.User or Keyword.Role:
                ReadGrantLike();
                break;
            default:
                ReadWhatHasNoTables(kind);
                break;
        }
    }

    /// <summary>Everything between CREATE or ALTER and the word that says of what. True when TEMPORARY is among it.</summary>
    private bool ReadDefinitionModifiers()
    {
        var temporary = false;
        while (!AtEnd)
        {
            switch (_token.Keyword)
            {
                case Keyword.Temporary:
                    temporary = true;
                    Advance();
                    break;
                case Keyword.Unique or Keyword.Fulltext or Keyword.Spatial or Keyword.Online or Keyword.Offline or Keyword.Ignore
                    or Keyword.Aggregate or Keyword.External:
                case Keyword.Vector when _ahead.Is(Keyword.Index):
                    Advance();
                    break;
                case Keyword.Algorithm:
                    Advance();
                    Expect((byte)'=');
                    Advance();
                    break;
                case Keyword.Sql when _ahead.Is(Keyword.Security):
                    Advance();
                    Advance();
                    Advance();
                    break;
                case Keyword.Definer:
                    Advance();
                    Expect((byte)'=');
                    TakeAccount();
                    break;
                default:
                    return temporary;
            }
        }

        return temporary;
    }

    /// <summary>user, user@host in any quotes, or CURRENT_USER(). The host looks like a user variable.</summary>
    private void TakeAccount()
    {
        Advance();
        if (_token.Kind == TokenKind.UserVariable && !_token.SpaceBefore)
        {
            Advance();
        }
        else if (At((byte)'('))
        {
            SkipParentheses();
        }
    }

    private void TakeIfExists()
    {
        if (Take(Keyword.If))
        {
            Take(Keyword.Not);
            Expect(Keyword.Exists);
        }
    }

    private void NoteTemporary(bool temporary)
    {
        if (temporary)
        {
            _found.Effects = (_found.Effects & ~SessionEffects.ImplicitCommit) | SessionEffects.CreatesTemporaryTable;
        }
    }

    private void ReadCreateTable(bool temporary)
    {
        TakeIfExists();
        NoteTemporary(temporary);
        ReadNamedTable(TableAccess.Write);
        if (At(Keyword.Like) || (At((byte)'(') && _ahead.Is(Keyword.Like)))
        {
            var parenthesis = Take((byte)'(');
            Advance();
            ReadNamedTable(TableAccess.Read);
            if (parenthesis)
            {
                Expect((byte)')');
            }
        }

        ScanDefinition(TableAccess.Read);
    }

    /// <summary>[IF NOT EXISTS] name … ON table</summary>
    private void ReadIndexTable()
    {
        while (!AtEnd && !At(Keyword.On))
        {
            if (At((byte)'('))
            {
                Fail();
                return;
            }

            Advance();
        }

        Expect(Keyword.On);
        ReadNamedTable(TableAccess.Write);
    }

    /// <summary>
    /// The body of a definition: columns, keys, options, partitions, ALTER's actions. Only words that bring in another table count, and queries.
    /// </summary>
    /// <param name="other">The access to tables named behind TABLE: those of EXCHANGE PARTITION and CONVERT are changed too.</param>
    private void ScanDefinition(TableAccess other)
    {
        var depth = 0;
        while (_token.Kind != TokenKind.End && (depth > 0 || !At((byte)';')))
        {
            switch (_token.Keyword)
            {
                case Keyword.References:
                    Advance();
                    ReadNamedTable(TableAccess.Read);
                    continue;
                case Keyword.Select:
                case Keyword.With when _ahead.Is(Keyword.Recursive) || PeekThird().Is(Keyword.As) || PeekThird().Is((byte)'('):
                    ReadQueryExpression();
                    continue;
                case Keyword.Table when _ahead.IsName:
                    Advance();
                    ReadNamedTable(other);
                    continue;
                case Keyword.Union when !AtSetOperator || (_ahead.Is((byte)'(') && PeekThird().Keyword == Keyword.None):
                    // A MERGE table's list
                    _found.TablesUnknown = true;
                    break;
                case Keyword.Rename when other == TableAccess.Write:
                    ReadRenameAction();
                    continue;
                case Keyword.Next when _ahead.Is(Keyword.Value):
                    _found.Effects |= SessionEffects.UsesSequence;
                    break;
                default:
                    break;
            }

            if (_token.Kind == TokenKind.Invalid || (At((byte)';') && depth > 0) || (At((byte)')') && depth == 0))
            {
                Fail();
                return;
            }

            depth += At((byte)'(') ? 1 : At((byte)')') ? -1 : 0;
            Advance();
        }

        if (depth != 0)
        {
            Fail();
        }
    }

    private void ReadRenameAction()
    {
        Advance();
        if (_token.Keyword is Keyword.Column or Keyword.Index or Keyword.Key or Keyword.Partition || At((byte)',') || AtEnd)
        {
            return;
        }

        if (!Take(Keyword.To) && !Take(Keyword.As))
        {
            Take((byte)'=');
        }

        ReadNamedTable(TableAccess.Write);
    }

    private void ReadAlter()
    {
        BeginDdl();
        ReadDefinitionModifiers();
        var kind = _token.Keyword;
        Advance();
        switch (kind)
        {
            case Keyword.Table:
                TakeIfExists();
                ReadNamedTable(TableAccess.Write);
                TakeWait();
                ScanDefinition(TableAccess.Write);
                break;
            case Keyword.View or Keyword.Sequence:
                TakeIfExists();
                ReadNamedTable(TableAccess.Write);
                ScanDefinition(TableAccess.Read);
                break;
            case Keyword.User or Keyword.Role:
                ReadGrantLike();
                break;
            case Keyword.Event:
                ReadOwned();
                ReadRenamedEvent();
                SkipRoutineBody();
                break;
            case Keyword.Procedure or Keyword.Function:
                ReadOwned();
                SkipRoutineBody();
                break;
            default:
                ReadWhatHasNoTables(kind);
                break;
        }
    }

    /// <summary>RENAME TO in front of the body, which may move an event into another schema.</summary>
    private void ReadRenamedEvent()
    {
        while (!AtEnd && !At(Keyword.Rename) && !At(Keyword.Do))
        {
            Advance();
        }

        if (!Take(Keyword.Rename))
        {
            return;
        }

        Expect(Keyword.To);
        if (ReadTableName(out var schema, out _) && _found.Owner is { } owner)
        {
            _found.Owner = owner.Add(schema);
        }
    }

    private void ReadDrop()
    {
        if (At(Keyword.Prepare))
        {
            ReadDeallocate();
            return;
        }

        BeginDdl();
        var temporary = ReadDefinitionModifiers();
        var kind = _token.Keyword;
        Advance();
        switch (kind)
        {
            case Keyword.Table or Keyword.Tables or Keyword.Sequence:
                if (temporary)
                {
                    _found.Effects = (_found.Effects & ~SessionEffects.ImplicitCommit) | SessionEffects.DropsTemporaryTable;
                }
                else if (kind != Keyword.Sequence)
                {
                    _found.Effects |= SessionEffects.DropsTable;
                }

                ReadDropList();
                break;
            case Keyword.View:
                ReadDropList();
                break;
            case Keyword.Index:
                ReadIndexTable();
                SkipRest();
                break;
            case Keyword.User or Keyword.Role:
                ReadGrantLike();
                break;
            case Keyword.Procedure or Keyword.Function or Keyword.Event or Keyword.Trigger or Keyword.Package:
                ReadOwned();
                SkipRest();
                break;
            default:
                ReadWhatHasNoTables(kind);
                break;
        }
    }

    /// <summary>A schema, or an object that belongs to the server and to no schema.</summary>
    private void ReadWhatHasNoTables(Keyword kind)
    {
        _found.TablesUnknown = true;
        if (kind is Keyword.Database or Keyword.Schema)
        {
            ReadOwner();
        }
        else if (kind != Keyword.None)
        {
            _found.Owner = [];
        }

        SkipRest();
    }

    private void ReadDropList()
    {
        TakeIfExists();
        ReadNamedTables(TableAccess.Write);
        SkipRest();
    }

    private void ReadRename()
    {
        if (At(Keyword.User))
        {
            ReadGrantLike();
            return;
        }

        BeginDdl();
        if (!Take(Keyword.Table))
        {
            Expect(Keyword.Tables);
        }

        TakeIfExists();
        do
        {
            ReadNamedTable(TableAccess.Write);
            TakeWait();
            Expect(Keyword.To);
            ReadNamedTable(TableAccess.Write);
        }
        while (Take((byte)','));
        ExpectEnd();
    }

    private void ReadGrantLike()
    {
        _found.Kind = StatementKind.GrantLike;
        _found.Effects |= SessionEffects.ImplicitCommit;
        SkipRest();
    }

    /// <summary>
    /// To the end of a routine: with several statements allowed in one text, semicolons inside BEGIN … END belong to it. A body whose end
    /// cannot be told makes the rest not understood.
    /// </summary>
    private void SkipRoutineBody()
    {
        var depth = 0;
        var statementStart = false;
        while (_token.Kind != TokenKind.End)
        {
            if (_token.Kind == TokenKind.Invalid)
            {
                Fail();
                return;
            }

            if (At((byte)';') && depth == 0)
            {
                return;
            }

            var starts = statementStart;
            statementStart = At((byte)';') || _token.Keyword is Keyword.Begin or Keyword.Loop or Keyword.Repeat or Keyword.Do || IsThenOrElse(_token) || At((byte)':');
            switch (_token.Keyword)
            {
                case Keyword.Begin when !IsBeginAName:
                case Keyword.Case when depth > 0:
                case Keyword.If or Keyword.While or Keyword.Loop or Keyword.Repeat when starts && depth > 0:
                case Keyword.For when starts && depth > 0:
                    depth++;
                    break;
                case Keyword.If or Keyword.While or Keyword.Loop or Keyword.Repeat or Keyword.Case when depth == 0 && starts:
                    Fail();
                    return;
                case Keyword.End when depth > 0:
                    depth--;
                    if (_ahead.Keyword is Keyword.If or Keyword.Case or Keyword.While or Keyword.Loop or Keyword.Repeat or Keyword.For)
                    {
                        Advance();
                    }

                    break;
                default:
                    break;
            }

            Advance();
        }

        if (depth != 0)
        {
            Fail();
        }
    }

    /// <summary>At BEGIN, which may be the name of a column, too: a block goes on with a statement.</summary>
    private readonly bool IsBeginAName => _ahead.Kind == TokenKind.End || (_ahead.Kind == TokenKind.Symbol && !_ahead.Is((byte)'('))
        || _ahead.Keyword is Keyword.From or Keyword.Where or Keyword.As or Keyword.Into or Keyword.Order or Keyword.Group or Keyword.Having or Keyword.Limit or Keyword.Union
            or Keyword.And or Keyword.Or or Keyword.Like or Keyword.In or Keyword.Join or Keyword.On or Keyword.Desc;

    private readonly bool IsThenOrElse(scoped in Token token) =>
        token.Kind == TokenKind.Word
        && (System.Text.Ascii.EqualsIgnoreCase(Text(token), "THEN"u8) || System.Text.Ascii.EqualsIgnoreCase(Text(token), "ELSE"u8));
}
