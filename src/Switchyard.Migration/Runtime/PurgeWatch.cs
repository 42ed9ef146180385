using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication;
using Switchyard.Replication.Source;

namespace Switchyard.Migration;

/// <summary>
/// Says while there is time that the origin's log may be purged before it is applied: once it is gone, only a new copy helps. What a running stream tells costs
/// nothing; for one that stands still the servers are asked, at most once a minute and no longer than who asks for the status can wait.
/// </summary>
internal sealed class PurgeWatch(MigrationEnvironment environment, MigrationRuntime runtime)
{
    // Of the time, or of the room, that the origin keeps its log for.
    private const double Near = 0.5;
    private static readonly TimeSpan s_period = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    private readonly SemaphoreSlim _asking = new(1, 1);
    private IReadOnlyList<Finding> _found = [];
    private long? _asked;

    /// <summary>What the stream itself says.</summary>
    public IEnumerable<Finding> OfRunning(StreamStatus stream)
    {
        if (stream is { LagSeconds: { } lag, LogRetentionSeconds: { } kept } && lag > kept * Near)
        {
            yield return NearPurge($"Replication is {Time(TimeSpan.FromSeconds(lag))} behind", TimeSpan.FromSeconds(kept), "until replication has caught up");
        }
    }

    /// <summary>What the servers say of a stream that is recorded and does not run; nothing when they cannot be asked, or their log not be read.</summary>
    public async Task<IReadOnlyList<Finding>> OfStoppedAsync(CancellationToken cancellationToken)
    {
        if (runtime.Stream is not null || runtime.Record is not { StreamRecorded: true, Finished: null })
        {
            _asked = null;
            return [];
        }

        if (!await _asking.WaitAsync(TimeSpan.Zero, cancellationToken))
        {
            return _found;
        }

        try
        {
            if (_asked is not { } asked || environment.Time.GetElapsedTime(asked) > s_period)
            {
                _asked = environment.Time.GetTimestamp();
                _found = await AskAsync(cancellationToken);
            }

            return _found;
        }
        finally
        {
            _asking.Release();
        }
    }

    private async Task<IReadOnlyList<Finding>> AskAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_patience);
        try
        {
            var spec = await runtime.SpecAsync(runtime.Record.Direction, limit.Token);
            return await environment.Engine.ReadLogReachAsync(spec, limit.Token) is { } reach ? [.. Judge(reach)] : [];
        }
        catch (ReplicationException e)
        {
            return [Finding.Error("log_purged", $"Replication cannot go on from where it stands: {e.Message}", RemedyOfPurged())];
        }
        catch (Exception e) when (e is BackendUnavailableException or ServerErrorException or MigrationException or UnsupportedEventException or BinlogFormatException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return [];
        }
    }

    private IEnumerable<Finding> Judge(LogReach reach)
    {
        if (reach.Retention.Age is { } kept && reach.Age > kept * Near)
        {
            yield return NearPurge($"Replication stands still, and has {Time(reach.Age)} to catch up from {reach.From}", kept, $"and go on with `switchyard migration start {runtime.Name}`");
        }

        if (reach.Retention.Bytes is { } room && reach.Bytes > room * Near)
        {
            yield return Finding.Warning(
                "log_near_purge",
                $"Replication stands still, and has {reach.Bytes >> 20} MB of the binary log of '{Origin}' to catch up from {reach.From}, which keeps {room >> 20} MB only; what is purged before it is applied is lost to the migration.",
                $"Raise max_binlog_total_size on '{Origin}' now, with SET GLOBAL and in its configuration, and go on with `switchyard migration start {runtime.Name}`.");
        }
    }

    private string RemedyOfPurged() => runtime.Record.Authoritative == Side.Source
        ? $"Cancel '{runtime.Name}' and create it anew."
        : $"'{runtime.Record.Backend(Side.Source)}' cannot be gone back to any more: end the migration with `switchyard migration complete {runtime.Name}`.";

    private Finding NearPurge(string what, TimeSpan kept, string then) => Finding.Warning(
        "log_near_purge",
        $"{what}, and '{Origin}' keeps its binary log for {Time(kept)} only; what is purged before it is applied is lost to the migration.",
        $"Raise binlog_expire_logs_seconds (or expire_logs_days) on '{Origin}' now, with SET GLOBAL and in its configuration, {then}.");

    private string Origin => runtime.Record.Backend(runtime.Record.Direction.From);

    private static string Time(TimeSpan span) => TimeSpan.FromSeconds(Math.Round(span.TotalSeconds)).ToString("c");
}
