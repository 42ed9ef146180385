using System.Globalization;
using Switchyard.Migration;

namespace Switchyard.WebConsole;

/// <summary>How figures are said to people.</summary>
internal static class Format
{
    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    public static string Short(double value) => value switch
    {
        >= 1_000_000_000 => (value / 1_000_000_000).ToString("0.0", CultureInfo.InvariantCulture) + " G",
        >= 1_000_000 => (value / 1_000_000).ToString("0.0", CultureInfo.InvariantCulture) + " M",
        >= 10_000 => (value / 1000).ToString("0", CultureInfo.InvariantCulture) + " k",
        _ => value.ToString("N0", CultureInfo.InvariantCulture),
    };

    public static string Ms(double ms) => ms switch
    {
        < 10 => ms.ToString("0.0", CultureInfo.InvariantCulture) + " ms",
        < 1000 => ms.ToString("0", CultureInfo.InvariantCulture) + " ms",
        _ => Seconds(ms / 1000),
    };

    public static string Seconds(double seconds) => seconds switch
    {
        < 0.05 => "0 s",
        < 10 => seconds.ToString("0.#", CultureInfo.InvariantCulture) + " s",
        < 120 => seconds.ToString("0", CultureInfo.InvariantCulture) + " s",
        < 7200 => ((int)(seconds / 60)).ToString(CultureInfo.InvariantCulture) + " min",
        < 172800 => (seconds / 3600).ToString("0.#", CultureInfo.InvariantCulture) + " h",
        _ => (seconds / 86400).ToString("0.#", CultureInfo.InvariantCulture) + " d",
    };

    public static string Ago(DateTimeOffset at, DateTimeOffset now)
    {
        var seconds = (now - at).TotalSeconds;
        return seconds < 1.5 ? "now" : seconds < 10 ? $"{(int)seconds} s ago" : seconds < 60 ? $"{(int)(seconds / 10) * 10} s ago" : Seconds(seconds) + " ago";
    }

    public static string Lag(double? seconds) => seconds is { } value ? Seconds(value) : "unknown";

    public static string Clock(DateTimeOffset at) => at.UtcDateTime.ToString("HH:mm:ss", CultureInfo.InvariantCulture);

    public static string Moment(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";

    public static string Percent(double part) => Math.Clamp(part * 100, 0, 100).ToString("0.##", CultureInfo.InvariantCulture) + "%";

    public static string Word<T>(T value)
        where T : struct, Enum => value.ToString().ToLowerInvariant();

    /// <summary>Which colour a state has.</summary>
    public static string Tone(MigrationState state) => state switch
    {
        MigrationState.Running or MigrationState.Switched or MigrationState.Completed => "good",
        MigrationState.Copying or MigrationState.Validating => "active",
        MigrationState.Switching or MigrationState.Reversing or MigrationState.Completing => "moving",
        MigrationState.Error => "bad",
        _ => "quiet",
    };

    public static string Tone(DiffStatus diff) => diff.State switch
    {
        "clean" or "repaired" => "good",
        "running" => "active",
        "differences" or "failed" => "bad",
        _ => "quiet",
    };

    /// <summary>How much of the copy is done, 0 to 1. Estimates may be off: nothing is whole before it is said to be.</summary>
    public static double Part(TableStatus table) => table.Phase is "done" or "dropped" or "streaming" ? 1
        : table.Phase == "indexing" ? 0.99
        : table.RowsEstimated <= 0 ? 0 : Math.Min(0.99, (double)table.RowsCopied / table.RowsEstimated);
}
