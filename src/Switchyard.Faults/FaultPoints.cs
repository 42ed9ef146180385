using System.Collections.Concurrent;
using System.Globalization;

namespace Switchyard.Faults;

/// <summary>
/// Named places where a test can stop, fail or kill the engine, so that a race is a plain test and not a sleep.
/// Off unless armed: an unarmed point costs one volatile read.
/// </summary>
/// <remarks>
/// Names are <c>area.step.moment</c>, for example <c>switch.flip.before</c>. A child process is armed through the
/// environment variable <c>SWITCHYARD_FAULTS</c>, a comma-separated list of <c>name=kill</c> (the process ends at once, as by
/// <c>kill -9</c>), <c>name=fail</c> (the point throws) or <c>name=pause</c> (the point waits until the process is ended). With
/// <c>@N</c> behind the action (<c>name=kill@2</c>) it happens when the point is reached for the Nth time, and only then.
/// </remarks>
public static class FaultPoints
{
    private static readonly ConcurrentDictionary<string, Func<CancellationToken, ValueTask>> s_armed = new(StringComparer.Ordinal);
    private static volatile bool s_any = ArmFromEnvironment(Environment.GetEnvironmentVariable("SWITCHYARD_FAULTS"));

    /// <summary>Runs whatever a test armed at this point; nothing otherwise.</summary>
    public static ValueTask HitAsync(string name, CancellationToken cancellationToken = default) =>
        s_any && s_armed.TryGetValue(name, out var action) ? action(cancellationToken) : ValueTask.CompletedTask;

    /// <summary>Arms a point until the returned handle is disposed.</summary>
    /// <exception cref="InvalidOperationException">The point is armed already.</exception>
    public static IDisposable Arm(string name, Func<CancellationToken, ValueTask> action)
    {
        if (!s_armed.TryAdd(name, action))
        {
            throw new InvalidOperationException($"The fault point {name} is armed already.");
        }

        s_any = true;
        return new Armed(name);
    }

    private static bool ArmFromEnvironment(string? value)
    {
        if (string.IsNullOrEmpty(value))
        {
            return false;
        }

        foreach (var entry in value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var parts = entry.Split('=', '@');
            var (name, action) = parts switch
            {
                [var n, "kill", ..] => (n, Kill),
                [var n, "fail", ..] => (n, cancellationToken => throw new FaultInjectedException(n)),
                [var n, "pause", ..] => (n, static async cancellationToken => await Task.Delay(Timeout.Infinite, cancellationToken)),
                _ => (entry, (Func<CancellationToken, ValueTask>?)null),
            };
            var time = 0;
            if (action is null || parts.Length > 3 || (parts.Length == 3 && (!int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out time) || time < 1)))
            {
                throw new InvalidOperationException($"SWITCHYARD_FAULTS has '{entry}'; an entry is NAME=kill, NAME=fail or NAME=pause, with @N behind it for the Nth time.");
            }

            s_armed[name] = time == 0 ? action : AtTime(time, action);
        }

        return true;
    }

    private static Func<CancellationToken, ValueTask> AtTime(int time, Func<CancellationToken, ValueTask> action)
    {
        var reached = 0;
        return cancellationToken => Interlocked.Increment(ref reached) == time ? action(cancellationToken) : ValueTask.CompletedTask;
    }

    private static ValueTask Kill(CancellationToken cancellationToken)
    {
        using var self = System.Diagnostics.Process.GetCurrentProcess();
        self.Kill();
        return new ValueTask(Task.Delay(Timeout.Infinite, cancellationToken));
    }

    private sealed class Armed(string name) : IDisposable
    {
        public void Dispose() => s_armed.TryRemove(name, out _);
    }
}
