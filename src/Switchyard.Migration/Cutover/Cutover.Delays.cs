using Switchyard.Client;
using Switchyard.Replication;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>What is said when the side that is to become authoritative does not keep up.</summary>
internal sealed partial class Cutover
{
    // A server that does not say it by then is not waited for.
    private static readonly TimeSpan s_explainLimit = TimeSpan.FromSeconds(5);

    /// <summary>What the application waits for goes first, before anybody is asked why it took so long.</summary>
    private async Task LetGoAsync(CutoverFinish finish)
    {
        if (_flipped)
        {
            return;
        }

        await TryLetGoAsync(() => finish.UnfenceAsync(_fence, _from, CancellationToken.None));
        await TryLetGoAsync(() => _gate.AbandonAsync("Its time was up.", CancellationToken.None));
    }

    private static async Task TryLetGoAsync(Func<Task> part)
    {
        try
        {
            await part();
        }
        catch (Exception e) when (e is BackendUnavailableException or ServerErrorException or CutoverFailedException or TopologyStoreException)
        {
            // Undoing tries again, and says so.
        }
    }

    /// <summary>The failure of a step whose time is up, with what the new side was doing.</summary>
    private async Task<CutoverFailedException> TimedOutAsync(string late, Exception cause)
    {
        if (runtime.Stream?.Status is { State: not "running", Error: { } error })
        {
            return new CutoverFailedException($"{late} Replication to '{ToName}' does not get on: {error}", "Resolve that, and try again.", cause);
        }

        return await ReadDelayAsync() is { Seconds: > 0 } delay
            ? new CutoverFailedException($"{late} {FullDisk.Describe(delay, ToName)}", $"{FullDisk.RemedyOf(delay, ToName)} Then try again{(delay.IsDiskFull ? "" : ", or allow more with --timeout where it is merely slow")}.", cause)
            : new CutoverFailedException(late, "Allow more with --timeout, or do it at a quieter time.", cause);
    }

    private async Task<ApplyDelay?> ReadDelayAsync()
    {
        using var limit = new CancellationTokenSource(s_explainLimit, environment.Time);
        try
        {
            return runtime.Stream is { } stream ? await stream.ReadDelayAsync(limit.Token) : null;
        }
        catch (Exception e) when (e is OperationCanceledException or BackendUnavailableException or ServerErrorException)
        {
            return null;
        }
    }
}
