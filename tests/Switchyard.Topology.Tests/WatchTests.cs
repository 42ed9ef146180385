namespace Switchyard.Topology.Tests;

public sealed class WatchTests
{
    [Fact]
    public async Task A_watch_replays_what_came_after_its_revision_and_only_its_prefix()
    {
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        await store.CommitAsync(StoreTransaction.Empty.Put("gates/1", "early"));
        var from = store.Revision;
        await store.CommitAsync(StoreTransaction.Empty.Put("gates/1", "held").Put("routing", "x"));
        await store.CommitAsync(StoreTransaction.Empty.Put("routing", "y"));
        await store.CommitAsync(StoreTransaction.Empty.Delete("gates/1"));

        var seen = await store.WatchAsync("gates/", from, Limit.Token()).Take(2).ToListAsync();

        Assert.Equal([(from + 1, "held"), (from + 3, null)], seen.Select(change => (change.Revision, Assert.Single(change.Keys).Entry?.Value)));
    }

    [Fact]
    public async Task What_is_committed_together_is_seen_together()
    {
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        await store.CommitAsync(StoreTransaction.Empty.Put("gates/1", "flipped").Put("routing", "new"));
        var change = await store.WatchAsync("", 0, Limit.Token()).FirstAsync();
        Assert.Equal(["gates/1", "routing"], change.Keys.Select(key => key.Key));
    }

    [Fact]
    public async Task No_change_is_lost_or_repeated_while_many_write()
    {
        const int Writers = 4;
        const int Each = 200;
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        var watchers = Enumerable.Range(0, 3).Select(_ => store.WatchAsync("k/", 0, Limit.Token()).Take(Writers * Each).ToListAsync().AsTask()).ToList();
        var late = new List<Task<List<StoreChange>>>();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            for (var i = 0; i < Each; i++)
            {
                await Task.Yield();
                await store.CommitAsync(StoreTransaction.Empty.Put($"k/{writer}", $"{i}"));
                if (i == Each / 2 && writer == 0)
                {
                    late.Add(store.WatchAsync("k/", 0, Limit.Token()).Take(Writers * Each).ToListAsync().AsTask());
                }
            }
        }));

        foreach (var watcher in watchers.Concat(late))
        {
            var changes = await watcher;
            Assert.Equal(Enumerable.Range(1, Writers * Each).Select(revision => (long)revision), changes.Select(change => change.Revision));
            foreach (var group in changes.SelectMany(change => change.Keys).GroupBy(key => key.Key))
            {
                Assert.Equal(Enumerable.Range(0, Each).Select(i => $"{i}"), group.Select(key => key.Entry!.Value));
            }
        }
    }

    [Fact]
    public void Long_values_are_kept_for_watchers_no_longer_than_memory_allows()
    {
        var history = new ChangeHistory(0);
        var value = new string('x', ChangeHistory.MostCharacters / 4);
        for (var revision = 1; revision <= 10; revision++)
        {
            history.Add(new StoreChange(revision, [new KeyChange("k", new StoreEntry("k", value, 1, revision))]));
        }

        Assert.Equal([7L, 8, 9, 10], history.After(6).Changes.Select(change => change.Revision));
        Assert.Throws<WatchGapException>(() => history.After(5));
        history.Add(new StoreChange(11, [new KeyChange("k", new StoreEntry("k", new string('x', ChangeHistory.MostCharacters + 1), 1, 11))]));
        Assert.Equal([11L], history.After(10).Changes.Select(change => change.Revision));
        Assert.Throws<WatchGapException>(() => history.After(9));
    }

    [Fact]
    public async Task A_watcher_that_fell_too_far_behind_is_told_to_read_again()
    {
        var history = new ChangeHistory(5);
        for (var i = 1; i <= ChangeHistory.MostChanges + 3; i++)
        {
            history.Add(new StoreChange(5 + i, [new KeyChange("k", null)]));
        }

        Assert.Throws<WatchGapException>(() => history.After(5));
        Assert.Equal(ChangeHistory.MostChanges, history.After(8).Changes.Length);
        using var directory = new StoreDirectory();
        await using (var store = await directory.OpenAsync())
        {
            await store.CommitAsync(StoreTransaction.Empty.Put("a", "1"));
        }

        await using var again = await directory.OpenAsync();
        await Assert.ThrowsAsync<WatchGapException>(async () => await again.WatchAsync("", 0, Limit.Token()).FirstAsync());
    }
}
