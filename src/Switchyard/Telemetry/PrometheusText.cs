using System.Globalization;
using System.Text;

namespace Switchyard.Telemetry;

/// <summary>Names and lines of the Prometheus text format, as OpenTelemetry's naming rules for it want them.</summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary><c>switchyard.replication.lag</c> in <c>s</c> becomes <c>switchyard_replication_lag_seconds</c>; counters end in <c>_total</c>.</summary>
    public static string MetricName(string name, string? unit, bool isCounter)
    {
        var text = new StringBuilder(Clean(name));
        var suffix = unit switch
        {
            null or "" or "1" => null,
            "s" => "seconds",
            "ms" => "milliseconds",
            "By" => "bytes",
            _ when unit.StartsWith('{') => null,
            _ => Clean(unit),
        };
        if (suffix is not null && !text.ToString().EndsWith("_" + suffix, StringComparison.Ordinal))
        {
            text.Append('_').Append(suffix);
        }

        return isCounter && !name.EndsWith("total", StringComparison.Ordinal) ? text.Append("_total").ToString() : text.ToString();
    }

    /// <summary>Sorted, so that one set of tags is one series whatever order it came in.</summary>
    public static string Labels(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (tags.IsEmpty)
        {
            return "";
        }

        var labels = new List<string>(tags.Length);
        foreach (var (name, value) in tags)
        {
            labels.Add($"{Clean(name)}=\"{Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")}\"");
        }

        labels.Sort(StringComparer.Ordinal);
        return string.Join(',', labels);
    }

    public static void Line(StringBuilder output, string name, string labels, double value)
    {
        output.Append(name);
        if (labels.Length > 0)
        {
            output.Append('{').Append(labels).Append('}');
        }

        output.Append(' ').Append(Number(value)).Append('\n');
    }

    public static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : double.IsNaN(value) ? "NaN"
        : value.ToString("R", CultureInfo.InvariantCulture);

    public static string HelpText(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private static string Escape(string text) => HelpText(text).Replace("\"", "\\\"", StringComparison.Ordinal);

    private static string Clean(string name) => string.Create(name.Length, name, static (span, from) =>
    {
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = char.IsAsciiLetterOrDigit(from[i]) && !(i == 0 && char.IsAsciiDigit(from[i])) ? from[i] : '_';
        }
    });
}
