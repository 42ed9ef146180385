using System.Text;
using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

/// <summary>Names that may be schemas in a text whose tables are not known: those in front of a dot, and those behind USE, DATABASE and SCHEMA.</summary>
internal static class Qualifiers
{
    // A name has 64 characters of at most four bytes; comments between a name and its dot are short where there are any.
    private const int MaxNameBytes = 256;

    /// <summary>Collects them token by token, and byte by byte from where the text cannot be read on.</summary>
    /// <param name="text">The text.</param>
    /// <param name="options">How it is read.</param>
    /// <param name="names">Where they are added.</param>
    /// <param name="strings">Offset and length of each string literal, for those who look into them; null for nobody.</param>
    /// <returns>Whether it has the word EXECUTE or PREPARE.</returns>
    public static bool Collect(ReadOnlySpan<byte> text, in ScanOptions options, HashSet<string> names, List<(int Start, int Length)>? strings = null)
    {
        var lexer = new Lexer(text, options, GateMode.AllOpen);
        var executes = false;
        var namesSchema = false;
        var before = default(Token);
        while (true)
        {
            var token = lexer.Next();
            if (token.Kind == TokenKind.End)
            {
                return executes;
            }

            if (token.Kind == TokenKind.Invalid)
            {
                CollectBytes(text[token.Start..], options.Encoding, names);
                return executes;
            }

            executes |= token.Keyword is Keyword.Execute or Keyword.Prepare;
            if ((token.Is((byte)'.') && before is { IsName: true, AfterDot: false }) || (namesSchema && token.IsName && token.Keyword is not (Keyword.If or Keyword.Not or Keyword.Exists)))
            {
                var name = token.IsName ? token : before;
                names.Add(NameOf(text.Slice(name.Start, name.Length), options.Encoding, name.Kind));
            }
            else if (token.Kind == TokenKind.String)
            {
                strings?.Add((token.Start, token.Length));
            }

            namesSchema = token.Keyword is Keyword.Use or Keyword.Database or Keyword.Schema
                || (namesSchema && token.Keyword is Keyword.If or Keyword.Not or Keyword.Exists);
            before = token;
        }
    }

    /// <summary>
    /// Collects them from a text of which not even the tokens are known: whatever stands in front of a dot, and behind those words, in quotes of any kind or none.
    /// </summary>
    public static void CollectBytes(ReadOnlySpan<byte> text, Encoding? encoding, HashSet<string> names)
    {
        for (var i = 1; i < text.Length; i++)
        {
            if (text[i] == '.')
            {
                AddBefore(text[..i], encoding, names);
            }
        }

        for (var i = 0; i < text.Length;)
        {
            var end = EndOfWord(text, i);
            if (IsSchemaWord(text[i..end]))
            {
                AddBehind(text[end..], encoding, names);
            }

            i = Math.Max(end, i + 1);
        }
    }

    private static void AddBefore(ReadOnlySpan<byte> text, Encoding? encoding, HashSet<string> names)
    {
        text = text[Math.Max(0, text.Length - (2 * MaxNameBytes))..].TrimEnd(" \t\r\n"u8);
        while (text.EndsWith("*/"u8) && text.LastIndexOf("/*"u8) is >= 0 and var comment)
        {
            text = text[..comment].TrimEnd(" \t\r\n"u8);
        }

        if (text.Length > 0 && text[^1] is (byte)'`' or (byte)'"' && text[..^1].LastIndexOf(text[^1]) is >= 0 and var open)
        {
            Add(text[(open + 1)..^1], encoding, names);
            return;
        }

        var start = text.Length;
        while (start > 0 && ByteClass.Is(text[start - 1], ByteClass.IdentifierByte))
        {
            start--;
        }

        Add(text[start..], encoding, names);
    }

    private static void AddBehind(ReadOnlySpan<byte> text, Encoding? encoding, HashSet<string> names)
    {
        while (true)
        {
            text = text.TrimStart(" \t\r\n"u8);
            if (text.Length > 1 && text[0] is (byte)'`' or (byte)'"' && text[1..].IndexOf(text[0]) is >= 0 and var close)
            {
                Add(text.Slice(1, close), encoding, names);
                return;
            }

            var word = text[..EndOfWord(text, 0)];
            if (!Ascii.EqualsIgnoreCase(word, "IF"u8) && !Ascii.EqualsIgnoreCase(word, "NOT"u8) && !Ascii.EqualsIgnoreCase(word, "EXISTS"u8))
            {
                Add(word, encoding, names);
                return;
            }

            text = text[word.Length..];
        }
    }

    private static void Add(ReadOnlySpan<byte> name, Encoding? encoding, HashSet<string> names)
    {
        if (name.Length is > 0 and <= MaxNameBytes && name.ContainsAnyExceptInRange((byte)'0', (byte)'9'))
        {
            names.Add((encoding ?? Encoding.UTF8).GetString(name));
        }
    }

    private static int EndOfWord(ReadOnlySpan<byte> text, int position)
    {
        while (position < text.Length && ByteClass.Is(text[position], ByteClass.IdentifierByte))
        {
            position++;
        }

        return position;
    }

    private static bool IsSchemaWord(ReadOnlySpan<byte> word) =>
        Ascii.EqualsIgnoreCase(word, "USE"u8) || Ascii.EqualsIgnoreCase(word, "DATABASE"u8) || Ascii.EqualsIgnoreCase(word, "SCHEMA"u8);

    private static string NameOf(ReadOnlySpan<byte> written, Encoding? encoding, TokenKind kind)
    {
        var text = (encoding ?? Encoding.UTF8).GetString(written);
        return kind != TokenKind.QuotedWord ? text : text[1..^1].Replace(new string(text[0], 2), text[..1], StringComparison.Ordinal);
    }
}
