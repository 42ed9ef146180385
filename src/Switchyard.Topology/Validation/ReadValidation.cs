using System.Collections.Concurrent;

namespace Switchyard.Topology;

/// <summary>
/// What the proxy of this process finds out about a migration's reads in data-router mode, for whoever has to show it. Safe from any thread.
/// </summary>
public sealed class ReadValidation
{
    private readonly ConcurrentDictionary<string, IReadObserver> _observers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _runs = new(StringComparer.Ordinal);

    /// <summary>Something worth telling was found, as a sentence without values: the migration and the sentence. Handlers must be quick and must not throw.</summary>
    public event Action<string, string>? Found;

    /// <summary>Which count of a migration's reads is under way; a count begun anew has another number.</summary>
    public long Run(string migration) => _runs.GetValueOrDefault(migration);

    /// <summary>Begins to count anew.</summary>
    public void Begin(string migration)
    {
        _runs.AddOrUpdate(migration, 1, static (_, run) => run + 1);
        foreach (var observer in _observers.Values)
        {
            observer.Begin(migration);
        }
    }

    /// <summary>Who counts in a proxy of this process.</summary>
    public void Join(string proxy, IReadObserver observer) => _observers[proxy] = observer;

    public void Leave(string proxy) => _observers.TryRemove(proxy, out _);

    public void Tell(string migration, string sentence) => Found?.Invoke(migration, sentence);

    /// <summary>What has been found of a migration's reads so far; null when nothing was looked at.</summary>
    public ReadFindings? Of(string migration) =>
        _observers.Values.Select(observer => observer.Show(migration)).FirstOrDefault(findings => findings is not null);
}

/// <summary>Counts a migration's reads.</summary>
public interface IReadObserver
{
    /// <summary>Counts from zero again.</summary>
    void Begin(string migration);

    /// <summary>What it has found; null when it knows nothing of that migration.</summary>
    ReadFindings? Show(string migration);
}
