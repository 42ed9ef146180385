using System.Text.RegularExpressions;

namespace Switchyard.Replication.Schema;

/// <summary>A collation of the target and whether it compares exactly as the source's does.</summary>
internal readonly record struct MappedCollation(string CharacterSet, string Collation, bool IsExact);

/// <summary>
/// The target's collation for one of the source's: the same one, the same under its other name, else the nearest. The nearest keeps the
/// character set, then case and accent sensitivity, then the padding of trailing spaces, then the language.
/// </summary>
internal static partial class CollationMap
{
    private static readonly string[] SensitivityOrder = ["ai_ci", "as_ci", "as_cs", "ai_cs", "bin", "ci", "cs"];

    internal static MappedCollation? Map(string collation, ServerTraits target)
    {
        foreach (var name in new[] { collation, OtherName(collation) })
        {
            if (target.Collations.Contains(name))
            {
                return new MappedCollation(CharacterSetOf(name), name, true);
            }
        }

        foreach (var candidate in Nearest(collation))
        {
            foreach (var name in new[] { candidate, OtherName(candidate) })
            {
                if (target.Collations.Contains(name))
                {
                    return new MappedCollation(CharacterSetOf(name), name, false);
                }
            }
        }

        return null;
    }

    /// <summary>A collation's name starts with its character set.</summary>
    internal static string CharacterSetOf(string collation) =>
        collation == "binary" ? "binary" : collation[..Math.Max(collation.IndexOf('_', StringComparison.Ordinal), 0)];

    /// <summary>utf8 and utf8mb3 are one character set; which name a server knows depends on its version.</summary>
    private static string OtherName(string collation) =>
        collation.StartsWith("utf8_", StringComparison.Ordinal) ? $"utf8mb3_{collation[5..]}"
        : collation.StartsWith("utf8mb3_", StringComparison.Ordinal) ? $"utf8_{collation[8..]}"
        : collation;

    private static IEnumerable<string> Nearest(string collation)
    {
        var set = CharacterSetOf(collation);
        var sensitivity = Sensitivity(collation);
        var padsNot = collation.Contains("_nopad_", StringComparison.Ordinal) || collation.Contains("_0900_", StringComparison.Ordinal);
        if (sensitivity == "bin")
        {
            yield return padsNot ? $"{set}_nopad_bin" : $"{set}_bin";
            yield return padsNot ? $"{set}_0900_bin" : $"{set}_bin";
            yield return $"{set}_bin";
            yield break;
        }

        // MariaDB's other way of not padding: the same rules with "nopad" in the name.
        var withoutNoPad = collation.Replace("_nopad_", "_", StringComparison.Ordinal);
        if (!collation.Contains("1400", StringComparison.Ordinal) && withoutNoPad != collation)
        {
            yield return withoutNoPad;
        }

        var language = LanguagePattern().Match(collation) is { Success: true } m ? m.Groups[1].Value : "";
        var isUca = collation.Contains("1400", StringComparison.Ordinal) || collation.Contains("_0900_", StringComparison.Ordinal);
        if (isUca)
        {
            var full = sensitivity is "ci" ? "ai_ci" : sensitivity is "cs" or "ai_cs" ? "as_cs" : sensitivity;
            if (language.Length > 0)
            {
                yield return $"{set}_uca1400_{language}_{(padsNot ? "nopad_" : "")}{full}";
                yield return $"{set}_{language}_0900_{full}";
            }

            yield return $"{set}_uca1400_{(padsNot ? "nopad_" : "")}{full}";
            yield return $"{set}_0900_{full}";
            if (full == "as_cs")
            {
                yield return padsNot ? $"{set}_nopad_bin" : $"{set}_bin";
                yield return $"{set}_bin";
            }

            yield return padsNot ? $"{set}_unicode_520_nopad_ci" : $"{set}_unicode_520_ci";
        }

        yield return $"{set}_unicode_520_ci";
        yield return $"{set}_unicode_ci";
        yield return $"{set}_general_ci";
    }

    private static string Sensitivity(string collation)
    {
        foreach (var ending in SensitivityOrder)
        {
            if (collation.EndsWith($"_{ending}", StringComparison.Ordinal))
            {
                return ending;
            }
        }

        return "ci";
    }

    [GeneratedRegex("^[a-z0-9]+_(?:uca1400_)?([a-z]+(?:_[a-z]+)*?)_(?:0900_|nopad_)?(?:ai|as)_c[is]$")]
    private static partial Regex LanguagePattern();
}
