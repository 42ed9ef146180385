namespace Switchyard.Migration;

/// <summary>The speed of a copy over the last seconds, and when it will be done at that speed.</summary>
internal sealed class CopyMeter(TimeProvider time)
{
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(15);
    private readonly Lock _lock = new();
    private readonly Queue<(long At, long Rows)> _samples = new();

    public CopyStatus Measure(IReadOnlyList<TableStatus> tables, bool running, TimeSpan elapsed)
    {
        var rows = tables.Sum(t => t.RowsCopied);
        var estimated = tables.Sum(t => Math.Max(t.RowsEstimated, t.RowsCopied));
        var speed = running ? Sample(rows) : 0;
        double? eta = speed > 0 ? Math.Max(0, estimated - rows) / speed : null;
        return new CopyStatus(rows, estimated, Math.Round(speed, 1), eta is { } seconds ? Math.Round(seconds, 1) : null, Math.Round(elapsed.TotalSeconds, 3));
    }

    /// <summary>Rows per second since the oldest sample of the window.</summary>
    private double Sample(long rows)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            while (_samples.Count > 1 && time.GetElapsedTime(_samples.Peek().At, now) > s_window)
            {
                _samples.Dequeue();
            }

            // Not more than ten samples a second, however often somebody asks.
            if (_samples.Count == 0 || time.GetElapsedTime(_samples.Last().At, now) > TimeSpan.FromMilliseconds(100))
            {
                _samples.Enqueue((now, rows));
            }

            var (at, before) = _samples.Peek();
            var seconds = time.GetElapsedTime(at, now).TotalSeconds;
            return seconds > 0 ? (rows - before) / seconds : 0;
        }
    }
}
