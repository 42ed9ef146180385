using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// Watches the passive side for writes of others while replication to it runs, and keeps what it finds in the migration's record until a
/// comparison that began after it was clean. It only reads, and whatever happens to it does not stop replication.
/// </summary>
internal sealed partial class PassiveWatch(MigrationEnvironment environment, MigrationRuntime runtime) : IAsyncDisposable
{
    private const int Kept = 20;
    private const int MaxUnwritten = 1000;

    // A writer that does not stop fills this; what does not fit is only counted less, and there is plenty in the record by then.
    private readonly Channel<Item> _found = Channel.CreateBounded<Item>(new BoundedChannelOptions(MaxUnwritten) { FullMode = BoundedChannelFullMode.DropWrite });
    private IForeignWatch? _watch;
    private Task _writing = Task.CompletedTask;
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _error;

    /// <summary>Why nothing is watched; null when all is well.</summary>
    public string? Error => _error ?? _watch?.Error;

    /// <summary>Begins where the record says, which is where the sides were changed or where it was left.</summary>
    public async Task StartAsync(Direction direction, CancellationToken cancellationToken)
    {
        _writing = WriteAsync(direction.To);
        var known = runtime.Record.Foreign;
        try
        {
            var after = known.Side == direction.To && known.Examined is { } text ? StreamPosition.Parse(text) : (StreamPosition?)null;
            _watch = await environment.Engine.WatchAsync(await runtime.SpecAsync(direction, cancellationToken), after, w => _found.Writer.TryWrite(new Item(w, null)), cancellationToken);
            if (after is null)
            {
                await SaveAsync(direction.To, r => r with { Examined = _watch.Examined.ToString() });
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            _error = e.Message;
            LogUnwatched(environment.Log, runtime.Name, e);
        }
        finally
        {
            _begun.TrySetResult();
        }
    }

    /// <summary>Returns once everything up to the position has been looked at; null if so, else why not.</summary>
    public async Task<string?> ExamineAsync(StreamPosition end, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(environment.Options.ConnectLimit, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await _begun.Task.WaitAsync(either.Token);
            if (_watch is not { } watch)
            {
                return Error ?? "it has ended.";
            }

            await watch.WaitForExaminedAsync(end, either.Token);
            await WrittenAsync(either.Token);
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Error ?? "it does not keep up.";
        }
        catch (Replication.ReplicationException e)
        {
            return e.Message;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_watch is { } watch)
        {
            await watch.DisposeAsync();
        }

        _found.Writer.TryComplete();
        await _writing;
    }

    /// <summary>Returns once everything found up to now stands in the record.</summary>
    private async Task WrittenAsync(CancellationToken cancellationToken)
    {
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_found.Writer.TryWrite(new Item(null, all)))
        {
            await all.Task.WaitAsync(cancellationToken);
        }
    }

    private async Task WriteAsync(Side side)
    {
        await foreach (var item in _found.Reader.ReadAllAsync())
        {
            if (item.Write is not { } write)
            {
                item.Reached!.TrySetResult();
                continue;
            }

            environment.Events.Publish(runtime.Name, "foreign_write", $"{write.Table} was written on '{runtime.Record.Backend(side)}' by {write.Account ?? "somebody"} at {write.At:u}, position {write.Position}.");
            await SaveAsync(side, r => r with { Examined = write.Position, Found = r.Found + 1, Last = [.. r.Last.Append(write).TakeLast(Kept)] });
        }
    }

    private async Task SaveAsync(Side side, Func<ForeignRecord, ForeignRecord> change)
    {
        try
        {
            // A late find about a side that has become authoritative since is no finding any more.
            await runtime.UpdateAsync(r => r.Direction.To != side ? r : r with { Foreign = change(r.Foreign.Side == side ? r.Foreign : new ForeignRecord { Side = side }) }, CancellationToken.None);
        }
        catch (Exception e) when (e is TopologyStoreException or MigrationException)
        {
            LogUnwatched(environment.Log, runtime.Name, e);
        }
    }

    private readonly record struct Item(ForeignWriteStatus? Write, TaskCompletionSource? Reached);

    [LoggerMessage(7011, LogLevel.Warning, "The passive side of migration {Migration} is not watched for writes of others")]
    private static partial void LogUnwatched(ILogger log, string migration, Exception error);
}
