using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>
/// The last commits, for watchers. A watcher keeps only its revision, so a slow one costs no memory: when it falls behind what is kept it
/// gets a <see cref="WatchGapException"/> and reads again.
/// </summary>
internal sealed class ChangeHistory(long revision)
{
    /// <summary>Commits kept at most. A switch makes a few dozen; this is dozens of them.</summary>
    public const int MostChanges = 1_000;

    /// <summary>Characters of values kept at most, beside the last commit: the records of a migration of thousands of tables, or of its comparison, are long and written often.</summary>
    public const int MostCharacters = 4 * 1024 * 1024;

    private readonly Lock _lock = new();
    private readonly Queue<StoreChange> _changes = new();
    private long _first = revision;
    private long _last = revision;
    private long _characters;
    private TaskCompletionSource _more = NewSignal();

    public void Add(StoreChange change)
    {
        TaskCompletionSource signal;
        lock (_lock)
        {
            _changes.Enqueue(change);
            _last = change.Revision;
            _characters += Length(change);
            while (_changes.Count > MostChanges || (_characters > MostCharacters && _changes.Count > 1))
            {
                var oldest = _changes.Dequeue();
                _first = oldest.Revision;
                _characters -= Length(oldest);
            }

            signal = _more;
            _more = NewSignal();
        }

        signal.TrySetResult();
    }

    /// <summary>Wakes every watcher, so that it meets the store's fault.</summary>
    public void Wake()
    {
        lock (_lock)
        {
            _more.TrySetResult();
        }
    }

    /// <summary>Commits after a revision, the revision to ask after next, and a task that completes when there is more.</summary>
    public (ImmutableArray<StoreChange> Changes, long Last, Task More) After(long revision)
    {
        lock (_lock)
        {
            if (revision < _first)
            {
                throw new WatchGapException(revision, _first);
            }

            return revision >= _last
                ? ([], revision, _more.Task)
                : ([.. _changes.SkipWhile(change => change.Revision <= revision)], _last, _more.Task);
        }
    }

    private static long Length(StoreChange change) => change.Keys.Sum(key => (long)(key.Entry?.Value.Length ?? 0));

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
