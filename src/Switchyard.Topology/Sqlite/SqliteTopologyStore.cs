using System.Runtime.CompilerServices;

namespace Switchyard.Topology;

/// <summary>
/// The topology of one process, in an SQLite file. All entries are also held in memory: reads and watches never touch the disk, and see a
/// commit only after it is durable. One writer at a time; a second process is refused by a lock file.
/// </summary>
/// <remarks>
/// Leases die with the process: the lock file proves that every former holder is gone, so their keys are deleted at open instead of waiting
/// for the time to live.
/// </remarks>
public sealed class SqliteTopologyStore : ITopologyStore
{
    private readonly SemaphoreSlim _writer = new(1, 1);
    private readonly SqliteFile _file;
    private readonly FileStream _lockFile;
    private readonly LeaseTable _leases;
    private readonly ChangeHistory _history;
    private volatile StoreImage _image;
    private volatile Exception? _fault;
    private bool _disposed;

    private SqliteTopologyStore(SqliteFile file, FileStream lockFile, StoreImage image, TimeProvider time)
    {
        _file = file;
        _lockFile = lockFile;
        _image = image;
        _history = new ChangeHistory(image.Revision);
        _leases = new LeaseTable(time, ExpireAsync);
    }

    /// <summary>The current revision of the whole store.</summary>
    public long Revision => _image.Revision;

    /// <summary>Opens the file, making it (mode 0600) and its directory if needed.</summary>
    /// <exception cref="TopologyStoreException">Another process has it open, it is damaged, of a newer version, or cannot be written.</exception>
    public static Task<SqliteTopologyStore> OpenAsync(string path, TimeProvider time, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var fullPath = Path.GetFullPath(path);
        var lockFile = TakeLock(fullPath);
        try
        {
            PrivateFile.Ensure(fullPath);
            var file = SqliteFile.Open(fullPath);
            try
            {
                return Task.FromResult(new SqliteTopologyStore(file, lockFile, file.Load(), time));
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            lockFile.Dispose();
            throw new TopologyStoreException($"The store {fullPath} cannot be opened: {error.Message}", error);
        }
        catch
        {
            lockFile.Dispose();
            throw;
        }
    }

    public Task<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default)
    {
        ThrowIfUnusable(cancellationToken);
        return Task.FromResult(_image.Entries.GetValueOrDefault(key));
    }

    public Task<StoreSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default)
    {
        ThrowIfUnusable(cancellationToken);
        return Task.FromResult(_image.Read(prefix));
    }

    public async Task<CommitResult> CommitAsync(StoreTransaction transaction, CancellationToken cancellationToken = default)
    {
        await _writer.WaitAsync(cancellationToken);
        try
        {
            ThrowIfUnusable(cancellationToken);
            return Commit(transaction);
        }
        finally
        {
            _writer.Release();
        }
    }

    public async IAsyncEnumerable<StoreChange> WatchAsync(
        string prefix, long afterRevision, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var seen = afterRevision;
        while (true)
        {
            ThrowIfUnusable(cancellationToken);
            var (changes, last, more) = _history.After(seen);
            foreach (var change in changes)
            {
                if (change.Under(prefix) is { } mine)
                {
                    yield return mine;
                }
            }

            seen = last;
            if (changes.Length == 0)
            {
                await more.WaitAsync(cancellationToken);
            }
        }
    }

    public Task<Lease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        ThrowIfUnusable(cancellationToken);
        return Task.FromResult(_leases.Grant(timeToLive));
    }

    public Task<bool> KeepAliveAsync(Lease lease, CancellationToken cancellationToken = default)
    {
        ThrowIfUnusable(cancellationToken);
        return Task.FromResult(_leases.KeepAlive(lease));
    }

    public async Task RevokeAsync(Lease lease, CancellationToken cancellationToken = default)
    {
        await _writer.WaitAsync(cancellationToken);
        try
        {
            ThrowIfUnusable(cancellationToken);
            _leases.Remove(lease.Id);
            DeleteKeysOf(lease.Id);
        }
        finally
        {
            _writer.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _writer.WaitAsync();
        try
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _fault ??= new TopologyStoreException("The store is closed.");
            _leases.Dispose();
            _file.Dispose();
            _lockFile.Dispose();
            _history.Wake();
        }
        finally
        {
            _writer.Release();
        }
    }

    private static FileStream TakeLock(string path)
    {
        var lockPath = path + ".lock";
        try
        {
            PrivateFile.EnsureDirectory(Path.GetDirectoryName(path)!);
            return new FileStream(lockPath, PrivateFile.Options(FileMode.OpenOrCreate));
        }
        catch (UnauthorizedAccessException error)
        {
            throw new TopologyStoreException($"The store {path} cannot be opened: {error.Message}", error);
        }
        catch (IOException error) when (File.Exists(lockPath))
        {
            throw new TopologyStoreException(
                $"The store {path} is in use by another Switchyard process. Stop that one first, or give this one a store of its own with --data or --store.", error);
        }
        catch (IOException error)
        {
            throw new TopologyStoreException($"The store {path} cannot be made: {error.Message}", error);
        }
    }

    private CommitResult Commit(StoreTransaction transaction)
    {
        var image = _image;
        if (!image.Satisfies(transaction) || !_leases.AllAlive(transaction))
        {
            return new CommitResult(false, image.Revision);
        }

        var (next, change) = image.Apply(transaction);
        if (change.Keys.IsEmpty)
        {
            return new CommitResult(true, image.Revision);
        }

        try
        {
            _file.Write(change);
        }
        catch (Exception error)
        {
            // Whether the disk has the commit is unknown, so nothing more may be said from memory.
            _fault = new TopologyStoreException(
                $"The store {_file.Path} could not be written: {error.Message} Free space or repair the disk, then start Switchyard again.", error);
            _history.Wake();
            throw _fault;
        }

        _image = next;
        _history.Add(change);
        return new CommitResult(true, next.Revision);
    }

    /// <summary>Under the writer lock, so that a lease cannot end between a commit's check and its write.</summary>
    private async Task ExpireAsync()
    {
        await _writer.WaitAsync();
        try
        {
            if (_fault is not null)
            {
                return;
            }

            foreach (var lease in _leases.TakeExpired())
            {
                DeleteKeysOf(lease);
            }
        }
        catch (TopologyStoreException)
        {
            // Kept as the fault, which every caller gets.
        }
        finally
        {
            _writer.Release();
        }
    }

    private void DeleteKeysOf(long lease)
    {
        var transaction = StoreTransaction.Empty;
        foreach (var entry in _image.Entries.Values)
        {
            transaction = entry.LeaseId == lease ? transaction.Delete(entry.Key) : transaction;
        }

        Commit(transaction);
    }

    private void ThrowIfUnusable(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_fault is { } fault)
        {
            throw new TopologyStoreException(fault.Message, fault);
        }
    }
}
