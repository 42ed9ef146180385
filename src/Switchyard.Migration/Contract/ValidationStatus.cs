using System.Globalization;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>Data-router mode and what it has shown, since it was last turned on or since the process began.</summary>
public sealed record ValidationStatus
{
    /// <summary>Reads are served by the target or compared now.</summary>
    public bool On { get; init; }

    /// <summary>The share of sessions whose reads go to the target, percent.</summary>
    public int Percent { get; init; }

    /// <summary>The share of reads run again on both sides and compared, percent.</summary>
    public int Shadow { get; init; }

    /// <summary>What a read on the target must have seen.</summary>
    public ReadGuarantee Consistency { get; init; }

    /// <summary>What the comparison of reads has shown, as a sentence; null when no read was compared.</summary>
    public string? Summary { get; init; }

    /// <summary>Where the clients' own reads went.</summary>
    public RoutedReads Routed { get; init; } = new();

    /// <summary>The reads that were compared. In a migration's status only the first shapes that differ are listed.</summary>
    public ShadowReadCounts Compared { get; init; } = new();

    /// <summary>Figures in one sentence, for example <c>412,000 reads of 318 shapes compared; 0 differ; target p99 1.1 × source</c>.</summary>
    internal static string? Sentence(ShadowReadCounts counts)
    {
        if (counts.Compared == 0)
        {
            return null;
        }

        var latency = counts is { SourceP99: > 0, TargetP99: > 0 }
            ? string.Create(CultureInfo.InvariantCulture, $"; target p99 {counts.TargetP99 / counts.SourceP99:0.0} × source")
            : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{counts.Compared:N0} {(counts.Compared == 1 ? "read" : "reads")} of {counts.ShapeCount:N0} {(counts.ShapeCount == 1 ? "shape" : "shapes")} compared; {counts.Different:N0} differ{latency}");
    }
}
