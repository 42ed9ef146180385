using System.Collections.Concurrent;

namespace Switchyard.Faults;

/// <summary>
/// Named places where a test can stop, fail or kill the engine, so that a race is a plain test and not a sleep.
/// Off unless armed: an unarmed point costs one volatile read.
/// </summary>
/// <remarks>
/// Names are <c>area.step.moment</c>, for example <c>switch.flip.before</c>. A child process is armed through the
/// environment variable <c>SWITCHYARD_FAULTS</c>, a comma-separated list of <c>name=kill</c> (the process ends at once, as by
/// <c>kill -9</c>), <c>name=fail</c> (the point throws) or <c>name=pause</c> (the point waits until the process is ended).
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
            var (name, action) = entry.Split('=') switch
            {
                [var n, "kill"] => (n, Kill),
                [var n, "fail"] => (n, cancellationToken => throw new FaultInjectedException(n)),
                [var n, "pause"] => (n, static async cancellationToken => await Task.Delay(Timeout.Infinite, cancellationToken)),
                _ => (entry, (Func<CancellationToken, ValueTask>?)null),
            };
            if (action is null)
            {
                throw new InvalidOperationException($"SWITCHYARD_FAULTS has '{entry}'; an entry is NAME=kill, NAME=fail or NAME=pause.");
            }

            s_armed[name] = action;
        }

        return true;
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
