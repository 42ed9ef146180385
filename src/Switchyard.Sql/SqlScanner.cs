using System.Collections.Immutable;
using System.Text;
using Switchyard.Sql.Lexing;
using Switchyard.Sql.Reading;

namespace Switchyard.Sql;

/// <summary>Reads SQL text of MySQL and MariaDB far enough to route it and to follow its session. No I/O; never throws; time linear in the text.</summary>
public static class SqlScanner
{
    /// <summary>What is known of the text. Allocates; go through <see cref="StatementCache"/> on a busy path.</summary>
    public static StatementInfo Scan(ReadOnlySpan<byte> sql, in ScanOptions options)
    {
        if (!IsReadable(sql, options))
        {
            return NotUnderstood(sql, options);
        }

        var reader = new StatementReader(sql, options, GateMode.ByVersion);
        var info = Join(reader.ReadAll(), options);
        if (reader.SawGate)
        {
            // Another server may see more or less of the text than this one: a table counts if any of them would see it, a plain read must be one to all.
            var open = Join(new StatementReader(sql, options, GateMode.AllOpen).ReadAll(), options);
            var closed = Join(new StatementReader(sql, options, GateMode.AllClosed).ReadAll(), options);
            info = StatementMerge.Cautious(info, open, closed);
        }

        return options.OracleMode ? StatementMerge.Distrusted(info) : info;
    }

    /// <summary>
    /// What the body of a stored routine or a trigger may do: every statement in it counts as done. Not understood where any part is not.
    /// </summary>
    /// <param name="body">As <c>information_schema</c> has it, without the head.</param>
    /// <param name="options">By the <c>sql_mode</c> the routine was made with.</param>
    /// <param name="parameters">Names of its parameters.</param>
    /// <param name="schema">Its schema, which names without one mean.</param>
    public static StatementInfo ScanRoutine(ReadOnlySpan<byte> body, in ScanOptions options, IEnumerable<string> parameters, string schema)
    {
        if (options.OracleMode || !IsReadable(body, options))
        {
            return NotUnderstood(body, options);
        }

        var reader = new StatementReader(body, options, GateMode.ByVersion);
        var info = reader.ReadRoutine(parameters, schema);
        return reader.SawGate ? NotUnderstood(body, options) : info;
    }

    /// <summary>A statement, or a routine, that does nothing.</summary>
    public static StatementInfo Nothing => StatementMerge.Nothing;

    /// <summary>
    /// The assignments of a text that is a single SET statement and was understood to its end; false (and an empty list) for anything else.
    /// Spans of values are offsets in <paramref name="sql"/>.
    /// </summary>
    public static bool TryReadSetAssignments(ReadOnlySpan<byte> sql, in ScanOptions options, out ImmutableArray<SetAssignment> assignments)
    {
        assignments = [];
        if (!IsReadable(sql, options))
        {
            return false;
        }

        var list = new List<SetAssignment>();
        var statements = new StatementReader(sql, options, GateMode.ByVersion, list).ReadAll();
        if (statements is not [{ Kind: StatementKind.Set }] || list.Count == 0)
        {
            return false;
        }

        assignments = [.. list];
        return true;
    }

    /// <summary>The text of a string literal, unescaped; null when <paramref name="literal"/> is not one plain string literal.</summary>
    public static string? DecodeString(ReadOnlySpan<byte> literal, in ScanOptions options)
    {
        var lexer = new Lexer(literal, options, GateMode.AllClosed);
        var token = lexer.Next();
        if (token.Kind != TokenKind.String || token.Length != literal.Length)
        {
            return null;
        }

        var text = new byte[literal.Length];
        var length = 0;
        var quote = literal[0];
        for (var i = 1; i < literal.Length - 1; i++)
        {
            var b = literal[i];
            if (b == quote)
            {
                i++;
            }
            else if (b == '\\' && !options.NoBackslashEscapes)
            {
                i++;
                b = literal[i] switch
                {
                    (byte)'0' => 0,
                    (byte)'b' => (byte)'\b',
                    (byte)'n' => (byte)'\n',
                    (byte)'r' => (byte)'\r',
                    (byte)'t' => (byte)'\t',
                    (byte)'Z' => 0x1A,
                    var other => other,
                };
            }

            text[length++] = b;
        }

        return (options.Encoding ?? Encoding.UTF8).GetString(text, 0, length);
    }

    /// <summary>A text of which not even the tokens are known: the schemas it may name are all that is told.</summary>
    private static StatementInfo NotUnderstood(ReadOnlySpan<byte> sql, in ScanOptions options)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        Qualifiers.CollectBytes(sql, options.Encoding, names);
        if (options is { AsciiUnsafeCharacterSet: true, Encoding: { } encoding })
        {
            // A name may have bytes that look like quotes and spaces there.
            Qualifiers.CollectBytes(Encoding.UTF8.GetBytes(encoding.GetString(sql)), null, names);
        }

        return StatementInfo.NotUnderstood([.. names]);
    }

    /// <summary>In some character sets a byte that looks like a backslash or backtick may be half a character, or a letter.</summary>
    internal static bool IsReadable(ReadOnlySpan<byte> sql, in ScanOptions options) =>
        (!options.AsciiUnsafeCharacterSet || Ascii.IsValid(sql)) && !(options.SymbolsAreLetters && sql.ContainsAny(@"@[\]^`{|}~"u8));

    private static StatementInfo Join(List<StatementInfo> statements, in ScanOptions options) => statements.Count switch
    {
        0 => StatementMerge.Empty,
        1 => statements[0],
        _ => StatementMerge.Sequence(statements, understood: options.MultiStatements),
    };
}
