using System.Text;

namespace Switchyard.Wire;

/// <summary>
/// The character sets of clients: servers take the names in a login, and in commands and statements, for text in the client's own. Sets that are not known here (swe7, dec8,
/// geostd8, …) count as UTF-8, which is right for the letters of ASCII.
/// </summary>
public static class CharacterSets
{
    // MariaDB numbers a collation without padding as its sibling with it, and this much.
    private const int NoPad = 0x400;

    // From here on MariaDB has the uca1400 collations, of Unicode character sets alone; MySQL has nothing.
    private const int FirstUca1400 = 0x800;

    private static readonly Dictionary<string, Encoding> s_encodings = new(StringComparer.OrdinalIgnoreCase)
    {
        ["latin1"] = Make(1252),
        ["latin2"] = Make(28592),
        ["latin5"] = Make(28599),
        ["latin7"] = Make(28603),
        ["cp1250"] = Make(1250),
        ["cp1251"] = Make(1251),
        ["cp1256"] = Make(1256),
        ["cp1257"] = Make(1257),
        ["cp850"] = Make(850),
        ["cp852"] = Make(852),
        ["cp866"] = Make(866),
        ["greek"] = Make(28597),
        ["hebrew"] = Make(28598),
        ["koi8r"] = Make(20866),
        ["koi8u"] = Make(21866),
        ["macce"] = Make(10029),
        ["macroman"] = Make(10000),
        ["tis620"] = Make(874),
        ["big5"] = Make(950),
        ["cp932"] = Make(932),
        ["sjis"] = Make(932),
        ["eucjpms"] = Make(51932),
        ["ujis"] = Make(51932),
        ["euckr"] = Make(51949),
        ["gb2312"] = Make(936),
        ["gbk"] = Make(936),
        ["gb18030"] = Make(54936),
    };

    /// <summary>Whether a collation, by its number, is of UTF-8, or is binary, in which servers take names as UTF-8.</summary>
    public static bool IsUtf8(ushort collation) =>
        collation >= FirstUca1400 || WithPadding(collation) is 33 or 45 or 46 or 63 or 76 or 83 or (>= 192 and <= 215) or (>= 223 and <= 247) or (>= 255 and <= 323) or (>= 576 and < NoPad);

    /// <summary>How text of a collation reads, by its number as <c>INFORMATION_SCHEMA.COLLATIONS</c> lists it; null where that is UTF-8, or not known here.</summary>
    public static Encoding? Find(ushort collation) => NameOf(collation) is { } name ? Find(name) : null;

    /// <summary>How text of a character set reads; null where that is UTF-8, or not known here.</summary>
    public static Encoding? Find(string name) => s_encodings.GetValueOrDefault(name);

    /// <summary>How a server reads the names in a login.</summary>
    /// <param name="collation">The number the login gives; 0 leaves it to the server.</param>
    /// <param name="serverDefault">The number in the server's greeting.</param>
    public static Encoding OfLogin(ushort collation, byte serverDefault) => Find(collation == 0 ? serverDefault : collation) ?? Encoding.UTF8;

    /// <summary>What is no character of the set has to show as such, and not as a question mark.</summary>
    private static Encoding Make(int codePage) =>
        CodePagesEncodingProvider.Instance.GetEncoding(codePage, EncoderFallback.ReplacementFallback, new DecoderReplacementFallback("\uFFFD"))!;

    private static string? NameOf(ushort collation) => WithPadding(collation) switch
    {
        5 or 8 or 15 or 31 or 47 or 48 or 49 or 94 => "latin1",
        2 or 9 or 21 or 27 or 77 => "latin2",
        30 or 78 => "latin5",
        20 or 41 or 42 or 79 => "latin7",
        26 or 34 or 44 or 66 or 99 => "cp1250",
        14 or 23 or 50 or 51 or 52 => "cp1251",
        57 or 67 => "cp1256",
        29 or 58 or 59 => "cp1257",
        4 or 80 => "cp850",
        40 or 81 => "cp852",
        36 or 68 => "cp866",
        25 or 70 => "greek",
        16 or 71 => "hebrew",
        7 or 74 => "koi8r",
        22 or 75 => "koi8u",
        38 or 43 => "macce",
        39 or 53 => "macroman",
        18 or 89 => "tis620",
        1 or 84 => "big5",
        95 or 96 => "cp932",
        13 or 88 => "sjis",
        97 or 98 => "eucjpms",
        12 or 91 => "ujis",
        19 or 85 => "euckr",
        24 or 86 => "gb2312",
        28 or 87 => "gbk",
        248 or 249 or 250 => "gb18030",
        _ => null,
    };

    private static int WithPadding(ushort collation) => collation is >= NoPad and < FirstUca1400 ? collation - NoPad : collation;
}
