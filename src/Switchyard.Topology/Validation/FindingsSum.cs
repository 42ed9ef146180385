using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>Adds up what several proxies, or the same one before and after a restart, have found of the same migration's reads.</summary>
internal static class FindingsSum
{
    private const int MaxShapes = 200;
    private const int MaxSamples = 5;

    public static ReadFindings Of(ReadFindings first, ReadFindings second) => new(
        new RoutedReads
        {
            OnTarget = first.Routed.OnTarget + second.Routed.OnTarget,
            Waited = first.Routed.Waited + second.Routed.Waited,
            Waiting = first.Routed.Waiting + second.Routed.Waiting,
            FellBackByLag = first.Routed.FellBackByLag + second.Routed.FellBackByLag,
            FellBackByError = first.Routed.FellBackByError + second.Routed.FellBackByError,
            FellBackByConnection = first.Routed.FellBackByConnection + second.Routed.FellBackByConnection,
        },
        Of(first.Shadow, second.Shadow));

    /// <summary>What is left of findings when nothing is under way any more.</summary>
    public static ReadFindings Settled(ReadFindings findings) =>
        new(findings.Routed with { Waiting = 0 }, findings.Shadow with { Queued = 0 });

    private static ShadowReadCounts Of(ShadowReadCounts first, ShadowReadCounts second)
    {
        var shapes = first.Shapes.Concat(second.Shapes).GroupBy(shape => shape.Shape, StringComparer.Ordinal).Select(same => same.Aggregate(Of))
            .OrderByDescending(shape => shape.Different).ThenByDescending(shape => shape.Compared).ThenBy(shape => shape.Shape, StringComparer.Ordinal).ToList();
        return new ShadowReadCounts
        {
            Compared = first.Compared + second.Compared,
            Different = first.Different + second.Different,

            // Not every shape is listed, so that those of the one among the other's are not known: at least so many.
            ShapeCount = Math.Max(shapes.Count, Math.Max(first.ShapeCount, second.ShapeCount)),
            DifferentShapeCount = Math.Max(shapes.Count(shape => shape.Different > 0), Math.Max(first.DifferentShapeCount, second.DifferentShapeCount)),
            NotComparable = Of(first.NotComparable, second.NotComparable),
            NotRun = Of(first.NotRun, second.NotRun),
            Queued = first.Queued + second.Queued,

            // 99 % of both took no longer than the longer of the two.
            SourceP99 = Math.Max(first.SourceP99, second.SourceP99),
            TargetP99 = Math.Max(first.TargetP99, second.TargetP99),
            Shapes = [.. shapes.Take(MaxShapes)],
        };
    }

    private static ShadowShape Of(ShadowShape first, ShadowShape second) => new()
    {
        Shape = first.Shape,
        Compared = first.Compared + second.Compared,
        Different = first.Different + second.Different,
        NotComparable = first.NotComparable + second.NotComparable,
        TypesDiffer = first.TypesDiffer + second.TypesDiffer,
        Types = first.Types ?? second.Types,
        SourceP99 = Math.Max(first.SourceP99, second.SourceP99),
        TargetP99 = Math.Max(first.TargetP99, second.TargetP99),
        Samples = [.. first.Samples.Concat(second.Samples).OrderBy(sample => sample.At).Take(MaxSamples)],
    };

    private static ImmutableSortedDictionary<string, long> Of(ImmutableSortedDictionary<string, long> first, ImmutableSortedDictionary<string, long> second)
    {
        var sum = first.ToBuilder();
        foreach (var (reason, count) in second)
        {
            sum[reason] = sum.GetValueOrDefault(reason) + count;
        }

        return sum.ToImmutable();
    }
}
