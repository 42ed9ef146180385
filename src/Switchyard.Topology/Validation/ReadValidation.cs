using System.Collections.Concurrent;

namespace Switchyard.Topology;

/// <summary>
/// What the proxies of this process find out about a migration's reads in data-router mode, together with what others before them had found, for whoever has to
/// show it. Safe from any thread.
/// </summary>
public sealed class ReadValidation
{
    private readonly ConcurrentDictionary<string, IReadObserver> _observers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _runs = new(StringComparer.Ordinal);

    /// <summary>By migration, also those of which nothing was found: what proxies that have left had found.</summary>
    private readonly ConcurrentDictionary<string, ReadFindings?> _earlier = new(StringComparer.Ordinal);

    /// <summary>Something worth telling was found, as a sentence without values: the migration and the sentence. Handlers must be quick and must not throw.</summary>
    public event Action<string, string>? Found;

    /// <summary>Which count of a migration's reads is under way; a count begun anew has another number.</summary>
    public long Run(string migration) => _runs.GetValueOrDefault(migration);

    /// <summary>Begins to count anew.</summary>
    public void Begin(string migration)
    {
        _runs.AddOrUpdate(migration, 1, static (_, run) => run + 1);
        _earlier[migration] = null;
        foreach (var observer in _observers.Values)
        {
            observer.Begin(migration);
        }
    }

    /// <summary>Who counts in a proxy of this process.</summary>
    public void Join(string proxy, IReadObserver observer) => _observers[proxy] = observer;

    /// <summary>It counts no more; what it had found stays.</summary>
    public void Leave(string proxy)
    {
        if (_observers.TryRemove(proxy, out var observer))
        {
            foreach (var migration in _earlier.Keys)
            {
                if (observer.Show(migration) is { } findings)
                {
                    Recall(migration, findings);
                }
            }
        }
    }

    /// <summary>Adds what was found before this process began, or by a proxy that has left.</summary>
    public void Recall(string migration, ReadFindings findings)
    {
        var settled = FindingsSum.Settled(findings);
        _earlier.AddOrUpdate(migration, settled, (_, earlier) => earlier is null ? settled : FindingsSum.Of(earlier, settled));
    }

    public void Tell(string migration, string sentence) => Found?.Invoke(migration, sentence);

    /// <summary>What has been found of a migration's reads so far; null when nothing was looked at.</summary>
    public ReadFindings? Of(string migration)
    {
        var sum = _earlier.GetOrAdd(migration, static _ => null);
        foreach (var observer in _observers.Values)
        {
            if (observer.Show(migration) is { } findings)
            {
                sum = sum is null ? findings : FindingsSum.Of(sum, findings);
            }
        }

        return sum;
    }
}

/// <summary>Counts a migration's reads.</summary>
public interface IReadObserver
{
    /// <summary>Counts from zero again.</summary>
    void Begin(string migration);

    /// <summary>What it has found; null when it knows nothing of that migration.</summary>
    ReadFindings? Show(string migration);
}
