using System.Text;
using System.Text.RegularExpressions;

namespace Switchyard.Proxy.Sessions;

/// <summary>Which GET_LOCK locks a statement takes or releases, as far as its text tells. A name that is no literal is a lock that stays until all are released.</summary>
internal static partial class NamedLocks
{
    /// <param name="sql">The text.</param>
    /// <param name="pins">What the session is pinned by.</param>
    /// <param name="releases">Whether what it releases has been released for sure.</param>
    public static void Observe(ReadOnlySpan<byte> sql, SessionPins pins, bool releases = true)
    {
        var text = Encoding.Latin1.GetString(sql);
        if (releases && ReleaseAll().IsMatch(text))
        {
            pins.AllNamedLocksReleased();
        }

        foreach (Match match in Release().Matches(releases ? text : ""))
        {
            if (match.Groups["name"] is { Success: true } name)
            {
                pins.NamedLockReleased(name.Value);
            }
        }

        foreach (Match match in Take().Matches(text))
        {
            pins.NamedLockTaken(match.Groups["name"] is { Success: true } name ? name.Value : "");
        }
    }

    [GeneratedRegex(@"\bGET_LOCK\s*\(\s*(?:'(?<name>[^'\\]*)'\s*,)?", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Take();

    [GeneratedRegex(@"\bRELEASE_LOCK\s*\(\s*(?:'(?<name>[^'\\]*)'\s*\))?", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Release();

    [GeneratedRegex(@"\bRELEASE_ALL_LOCKS\s*\(", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex ReleaseAll();
}
