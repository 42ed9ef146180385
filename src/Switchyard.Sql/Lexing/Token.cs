namespace Switchyard.Sql.Lexing;

internal enum TokenKind : byte
{
    /// <summary>The end of the text.</summary>
    End,

    /// <summary>Something the server's scanner would refuse, or that servers disagree about.</summary>
    Invalid,

    /// <summary>An unquoted word; an identifier when <see cref="Token.Keyword"/> is None.</summary>
    Word,

    /// <summary>An identifier in backticks, or in double quotes under ANSI_QUOTES.</summary>
    QuotedWord,

    /// <summary>A string literal.</summary>
    String,

    /// <summary>A number, hexadecimal and binary forms and \N included.</summary>
    Number,

    /// <summary>A question mark.</summary>
    Parameter,

    /// <summary>@name, quoted or not.</summary>
    UserVariable,

    /// <summary>@@name, with its scope and dots.</summary>
    SystemVariable,

    /// <summary>One character, or <c>:=</c> as <see cref="Token.Assign"/>.</summary>
    Symbol,
}

internal struct Token
{
    /// <summary>The value of <see cref="Symbol"/> for <c>:=</c>.</summary>
    public const byte Assign = 1;

    public TokenKind Kind;
    public byte Symbol;

    /// <summary>Whitespace or a comment stands before it.</summary>
    public bool SpaceBefore;

    /// <summary>It follows a dot without space, so it is an identifier whatever it says.</summary>
    public bool AfterDot;
    public Keyword Keyword;
    public int Start;
    public int Length;

    public readonly int EndOffset => Start + Length;

    public readonly bool Is(Keyword keyword) => Keyword == keyword;

    public readonly bool Is(byte symbol) => Kind == TokenKind.Symbol && Symbol == symbol;

    public readonly bool IsName => Kind is TokenKind.Word or TokenKind.QuotedWord;
}
