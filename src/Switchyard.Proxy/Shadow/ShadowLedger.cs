using System.Collections.Immutable;
using Switchyard.Topology;

namespace Switchyard.Proxy.Shadow;

/// <summary>What shadow reads of one migration have come to, by shape. Bounded. Safe from any thread.</summary>
internal sealed class ShadowLedger(long run, TimeProvider time)
{
    private const int MaxShapes = 1000;
    private const int MaxSamples = 5;
    private const int MaxShown = 200;
    private const string Others = "(further shapes)";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Shape> _shapes = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _notComparable = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _notRun = new(StringComparer.Ordinal);
    private readonly LatencyHistogram _source = new();
    private readonly LatencyHistogram _target = new();
    private long _compared;
    private long _different;

    /// <summary>The count it belongs to.</summary>
    public long Run => run;

    /// <summary>A read was chosen and not run.</summary>
    public void NotRun(string reason)
    {
        lock (_lock)
        {
            _notRun[reason] = _notRun.GetValueOrDefault(reason) + 1;
        }
    }

    /// <summary>A read was run on both sides; true when it is the first of its shape that differs.</summary>
    public bool Add(string shape, ReadDigest source, ReadDigest target, Verdict verdict, string? types)
    {
        lock (_lock)
        {
            var counts = Of(shape);
            if (verdict.Kind == VerdictKind.Open)
            {
                counts.NotComparable++;
                _notComparable[verdict.What] = _notComparable.GetValueOrDefault(verdict.What) + 1;
                return false;
            }

            _compared++;
            counts.Compared++;
            if (source.ErrorCode is null && target.ErrorCode is null)
            {
                _source.Add(source.Elapsed);
                _target.Add(target.Elapsed);
                counts.Source.Add(source.Elapsed);
                counts.Target.Add(target.Elapsed);
            }

            if (verdict.Kind == VerdictKind.Same)
            {
                counts.TypesDiffer += types is null ? 0 : 1;
                counts.Types ??= types;
                return false;
            }

            _different++;
            if (counts.Samples.Count < MaxSamples)
            {
                counts.Samples.Add(new ShadowDifference(
                    time.GetUtcNow(), verdict.What, verdict.Detail, verdict.SourceRows, verdict.TargetRows, verdict.FirstRow, verdict.Columns));
            }

            return counts.Different++ == 0;
        }
    }

    public ShadowReadCounts Show(int queued)
    {
        lock (_lock)
        {
            return new ShadowReadCounts
            {
                Compared = _compared,
                Different = _different,
                ShapeCount = _shapes.Count,
                DifferentShapeCount = _shapes.Values.Count(shape => shape.Different > 0),
                NotComparable = _notComparable.ToImmutableSortedDictionary(StringComparer.Ordinal),
                NotRun = _notRun.ToImmutableSortedDictionary(StringComparer.Ordinal),
                Queued = queued,
                SourceP99 = _source.P99(),
                TargetP99 = _target.P99(),
                Shapes = [.. _shapes.OrderByDescending(shape => shape.Value.Different).ThenByDescending(shape => shape.Value.Compared)
                    .ThenBy(shape => shape.Key, StringComparer.Ordinal).Take(MaxShown).Select(shape => shape.Value.Show(shape.Key))],
            };
        }
    }

    private Shape Of(string shape)
    {
        if (!_shapes.TryGetValue(shape, out var counts))
        {
            shape = _shapes.Count < MaxShapes ? shape : Others;
            counts = _shapes.TryGetValue(shape, out var others) ? others : _shapes[shape] = new Shape();
        }

        return counts;
    }

    private sealed class Shape
    {
        public long Compared { get; set; }

        public long Different { get; set; }

        public long NotComparable { get; set; }

        public long TypesDiffer { get; set; }

        public string? Types { get; set; }

        public LatencyHistogram Source { get; } = new();

        public LatencyHistogram Target { get; } = new();

        public List<ShadowDifference> Samples { get; } = [];

        public ShadowShape Show(string text) => new()
        {
            Shape = text,
            Compared = Compared,
            Different = Different,
            NotComparable = NotComparable,
            TypesDiffer = TypesDiffer,
            Types = Types,
            SourceP99 = Source.P99(),
            TargetP99 = Target.P99(),
            Samples = [.. Samples],
        };
    }
}
