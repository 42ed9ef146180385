using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Ddl;

/// <summary>Finds the tables a logged statement acts on. What it cannot place is reported as a change, which stops a stream that is named in it.</summary>
internal sealed class DdlParser(List<DdlToken> tokens, string defaultSchema)
{
    private static readonly string[] s_harmless =
    [
        "GRANT", "REVOKE", "SET", "FLUSH", "ANALYZE", "OPTIMIZE", "CHECK", "CHECKSUM", "REPAIR", "INSTALL", "UNINSTALL", "KILL", "DO", "XA", "USE", "RESET", "PURGE", "SHUTDOWN",
    ];

    public const string CreateTable = "CREATE TABLE";
    public const string CreateTemporary = "CREATE TEMPORARY TABLE";
    public const string DropTemporary = "DROP TEMPORARY TABLE";

    private readonly List<TableName> _names = [];
    private readonly List<TableName> _newNames = [];
    private int _next;
    private bool _leavesExisting;
    private string _verb = "";
    private TableName? _into;
    private bool _isIntoAlone;

    public DdlStatement Parse()
    {
        var kind = ParseKind();
        return new DdlStatement(kind, _names, _newNames, [.. tokens.Where(t => t.IsWord).Select(t => t.Text)]) { LeavesExisting = _leavesExisting, Verb = _verb, Into = _into, IsIntoAlone = _isIntoAlone, Traits = DdlTraits.Of(tokens), DefaultSchema = defaultSchema };
    }

    private DdlKind ParseKind()
    {
        if (tokens.Count == 0)
        {
            return DdlKind.None;
        }

        SkipSettings();
        if (_next >= tokens.Count)
        {
            return DdlKind.Change;
        }

        var first = tokens[_next++];
        if (s_harmless.Any(first.Is))
        {
            return DdlKind.None;
        }

        return first.Text.ToUpperInvariant() switch
        {
            "SAVEPOINT" => Savepoint("SAVEPOINT"),
            "RELEASE" => Savepoint("RELEASE SAVEPOINT"),
            "ROLLBACK" => Savepoint("ROLLBACK TO"),
            "TRUNCATE" => Truncate(),
            "RENAME" => Rename(),
            "ALTER" => Alter(),
            "CREATE" => Create(),
            "DROP" => Drop(),
            _ => Change(first),
        };
    }

    private DdlKind Savepoint(string verb)
    {
        _verb = verb;
        return DdlKind.Savepoint;
    }

    private DdlKind Change(DdlToken verb)
    {
        if (verb.Is("LOAD"))
        {
            SkipUntil("TABLE");
        }

        while (Skip("LOW_PRIORITY") || Skip("HIGH_PRIORITY") || Skip("DELAYED") || Skip("QUICK") || Skip("IGNORE") || Skip("INTO") || Skip("FROM") || SkipPunctuation('('))
        {
        }

        var name = Name();
        bool? isAlone = verb.Text.ToUpperInvariant() switch
        {
            "INSERT" or "REPLACE" or "LOAD" => true,
            "UPDATE" => IsAlone("SET"),
            "DELETE" => IsAlone("WHERE", "ORDER", "LIMIT", "RETURNING"),
            _ => null,
        };
        _into = isAlone is not null && name.Name.Length > 0 ? name : null;
        _isIntoAlone = isAlone == true;
        return DdlKind.Change;
    }

    // Whether no other table is named between the first one and what follows the tables.
    private bool IsAlone(params ReadOnlySpan<string> clauses)
    {
        var depth = 0;
        for (var i = _next; i < tokens.Count; i++)
        {
            var token = tokens[i];
            depth += token.IsPunctuation('(') ? 1 : token.IsPunctuation(')') ? -1 : 0;
            foreach (var clause in clauses)
            {
                if (token.Is(clause))
                {
                    return true;
                }
            }

            if ((depth == 0 && (token.IsPunctuation(',') || token.IsPunctuation('.'))) || token.Is("JOIN") || token.Is("STRAIGHT_JOIN") || token.Is("USING") || token.Is("FROM"))
            {
                return false;
            }
        }

        return true;
    }

    // MariaDB's SET STATEMENT name=value, … FOR statement: what follows runs, with these settings.
    private void SkipSettings()
    {
        while (_next + 1 < tokens.Count && tokens[_next].Is("SET") && tokens[_next + 1].Is("STATEMENT"))
        {
            var depth = 0;
            while (_next < tokens.Count && (depth > 0 || !tokens[_next].Is("FOR")))
            {
                depth += tokens[_next].IsPunctuation('(') ? 1 : tokens[_next].IsPunctuation(')') ? -1 : 0;
                _next++;
            }

            _next++;
        }
    }

    private DdlKind Truncate()
    {
        _verb = "TRUNCATE TABLE";
        Skip("TABLE");
        _names.Add(Name());
        return DdlKind.Truncate;
    }

    private DdlKind Rename()
    {
        if (!Skip("TABLE") && !Skip("TABLES"))
        {
            return DdlKind.None;
        }

        _verb = "RENAME TABLE";
        SkipIfExists();
        do
        {
            _names.Add(Name());
            SkipUntil("TO");
            _newNames.Add(Name());
        }
        while (SkipPunctuation(','));
        return DdlKind.Rename;
    }

    private DdlKind Alter()
    {
        while (Skip("ONLINE") || Skip("OFFLINE") || Skip("IGNORE"))
        {
        }

        if (SchemaStatement())
        {
            return DdlKind.Database;
        }

        if (!Skip("TABLE"))
        {
            return DdlKind.None;
        }

        _verb = "ALTER TABLE";
        SkipIfExists();
        _names.Add(Name());
        return MovesRows() ? DdlKind.Rename : DdlKind.Alter;
    }

    // ALTER TABLE t RENAME [TO|AS] x moves the table; RENAME COLUMN, INDEX and KEY do not. EXCHANGE PARTITION, MariaDB's CONVERT TABLE and CONVERT PARTITION,
    // and DISCARD and IMPORT of files bring and take rows that no event tells of.
    private bool MovesRows()
    {
        var found = _next < tokens.Count && (tokens[_next].Is("DISCARD") || tokens[_next].Is("IMPORT"));
        _verb = found ? $"{tokens[_next].Text.ToUpperInvariant()} TABLESPACE" : _verb;
        for (var i = _next; i < tokens.Count; i++)
        {
            if (tokens[i].Is("RENAME") && i + 1 < tokens.Count && !tokens[i + 1].Is("COLUMN") && !tokens[i + 1].Is("INDEX") && !tokens[i + 1].Is("KEY"))
            {
                _next = i + 1;
                _ = Skip("TO") || Skip("AS") || SkipPunctuation('=');
                _newNames.Add(Name());
                found = true;
                _verb = "ALTER TABLE … RENAME";
            }
            else if (tokens[i].Is("EXCHANGE") || (tokens[i].Is("CONVERT") && i + 1 < tokens.Count && (tokens[i + 1].Is("TABLE") || tokens[i + 1].Is("PARTITION"))))
            {
                for (var j = i; j < tokens.Count; j++)
                {
                    if (tokens[j].Is("TABLE"))
                    {
                        _verb = tokens[i].Is("EXCHANGE") ? "EXCHANGE PARTITION" : $"CONVERT {tokens[i + 1].Text.ToUpperInvariant()}";
                        _next = j + 1;
                        _newNames.Add(Name());
                        found = true;
                        break;
                    }
                }
            }
        }

        return found;
    }

    private DdlKind Create()
    {
        if (Skip("OR"))
        {
            Skip("REPLACE");
        }

        if (Skip("TEMPORARY"))
        {
            if (Skip("TABLE"))
            {
                _verb = CreateTemporary;
                SkipIfExists();
                _names.Add(Name());
            }

            return DdlKind.None;
        }

        if (SchemaStatement())
        {
            return DdlKind.Database;
        }

        if (Skip("TABLE"))
        {
            _verb = CreateTable;
            _leavesExisting = SkipIfExists();
            _names.Add(Name());
            return DdlKind.Create;
        }

        while (Skip("ONLINE") || Skip("OFFLINE") || Skip("UNIQUE") || Skip("FULLTEXT") || Skip("SPATIAL") || Skip("VECTOR"))
        {
        }

        return IndexStatement();
    }

    private DdlKind Drop()
    {
        var isTemporary = Skip("TEMPORARY");
        if (!isTemporary && SchemaStatement())
        {
            return DdlKind.Database;
        }

        if (Skip("TABLE") || Skip("TABLES"))
        {
            _verb = isTemporary ? DropTemporary : "DROP TABLE";
            SkipIfExists();
            do
            {
                _names.Add(Name());
            }
            while (SkipPunctuation(','));
            return isTemporary ? DdlKind.None : DdlKind.Drop;
        }

        if (isTemporary)
        {
            return DdlKind.None;
        }

        return IndexStatement();
    }

    private DdlKind IndexStatement()
    {
        if (!Skip("INDEX"))
        {
            return DdlKind.None;
        }

        _verb = "ALTER TABLE";
        SkipUntil("ON");
        _names.Add(Name());
        return DdlKind.Alter;
    }

    private bool SchemaStatement()
    {
        if (!Skip("DATABASE") && !Skip("SCHEMA"))
        {
            return false;
        }

        SkipIfExists();
        _names.Add(new TableName(_next < tokens.Count && tokens[_next].IsWord ? tokens[_next].Text : defaultSchema, ""));
        return true;
    }

    private TableName Name()
    {
        if (_next >= tokens.Count || !tokens[_next].IsWord)
        {
            return new TableName(defaultSchema, "");
        }

        var name = tokens[_next++].Text;
        if (SkipPunctuation('.') && _next < tokens.Count && tokens[_next].IsWord)
        {
            return new TableName(name, tokens[_next++].Text);
        }

        return new TableName(defaultSchema, name);
    }

    private bool SkipIfExists()
    {
        if (!Skip("IF"))
        {
            return false;
        }

        Skip("NOT");
        Skip("EXISTS");
        return true;
    }

    private void SkipUntil(string keyword)
    {
        while (_next < tokens.Count && !tokens[_next].Is(keyword))
        {
            _next++;
        }

        _next++;
    }

    private bool Skip(string keyword)
    {
        if (_next < tokens.Count && tokens[_next].Is(keyword))
        {
            _next++;
            return true;
        }

        return false;
    }

    private bool SkipPunctuation(char character)
    {
        if (_next < tokens.Count && tokens[_next].IsPunctuation(character))
        {
            _next++;
            return true;
        }

        return false;
    }
}
