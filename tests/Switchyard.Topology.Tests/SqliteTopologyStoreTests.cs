namespace Switchyard.Topology.Tests;

public sealed class SqliteTopologyStoreTests
{
    [Fact]
    public async Task Of_many_that_compare_and_set_at_once_one_wins()
    {
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        for (var round = 0; round < 20; round++)
        {
            var before = (await store.GetAsync("gate"))?.ModRevision ?? 0;
            var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var contenders = Enumerable.Range(0, 16).Select(async i =>
            {
                await go.Task;
                return (i, await store.CommitAsync(StoreTransaction.Empty.Expect("gate", before).Put("gate", $"{i}")));
            }).ToList();
            go.SetResult();
            var winners = (await Task.WhenAll(contenders)).Where(answer => answer.Item2.Succeeded).ToList();

            var winner = Assert.Single(winners);
            var entry = await store.GetAsync("gate");
            Assert.Equal($"{winner.i}", entry!.Value);
            Assert.Equal(winner.Item2.Revision, entry.ModRevision);
        }
    }

    [Fact]
    public async Task A_transaction_whose_compare_fails_changes_nothing()
    {
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        var first = await store.CommitAsync(StoreTransaction.Empty.Put("a", "1").Put("b", "1"));

        var refused = await store.CommitAsync(StoreTransaction.Empty.Expect("a", first.Revision).ExpectAbsent("b").Put("a", "2").Delete("b").Put("c", "2"));

        Assert.False(refused.Succeeded);
        Assert.Equal(first.Revision, refused.Revision);
        var snapshot = await store.ReadAsync("");
        Assert.Equal(["a=1", "b=1"], snapshot.Entries.Select(entry => $"{entry.Key}={entry.Value}"));
    }

    [Fact]
    public async Task A_prefix_compare_sees_a_key_that_joined()
    {
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        await store.CommitAsync(StoreTransaction.Empty.Put("proxies/one", ""));
        var seen = await store.ReadAsync("proxies/");
        var still = await store.CommitAsync(StoreTransaction.Empty.ExpectUnchanged("proxies/", seen.Revision).Put("x", "1"));
        await store.CommitAsync(StoreTransaction.Empty.Put("proxies/two", ""));
        var refused = await store.CommitAsync(StoreTransaction.Empty.ExpectUnchanged("proxies/", seen.Revision).Put("x", "2"));

        Assert.True(still.Succeeded);
        Assert.False(refused.Succeeded);
        Assert.Equal("1", (await store.GetAsync("x"))!.Value);
    }

    [Fact]
    public async Task A_key_written_twice_in_one_transaction_is_an_error_of_the_caller()
    {
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => store.CommitAsync(StoreTransaction.Empty.Put("a", "1").Delete("a")));
        Assert.True((await store.CommitAsync(StoreTransaction.Empty.Put("a", "1"))).Succeeded);
    }

    [Fact]
    public async Task Everything_is_there_after_reopening_and_revisions_go_on()
    {
        using var directory = new StoreDirectory();
        long last;
        await using (var store = await directory.OpenAsync())
        {
            await store.CommitAsync(StoreTransaction.Empty.Put("a", "1").Put("b", "1"));
            await store.CommitAsync(StoreTransaction.Empty.Put("a", "2").Delete("b"));
            last = (await store.CommitAsync(StoreTransaction.Empty.Put("c", "ü\0"))).Revision;
        }

        await using var again = await directory.OpenAsync();
        var snapshot = await again.ReadAsync("");
        Assert.Equal(last, snapshot.Revision);
        Assert.Equal(new StoreEntry("a", "2", 1, 2), snapshot.Entries[0]);
        Assert.Equal("ü\0", snapshot.Entries[1].Value);
        Assert.Equal(last + 1, (await again.CommitAsync(StoreTransaction.Empty.Put("d", ""))).Revision);
    }

    [Fact]
    public async Task A_second_process_is_refused_with_a_sentence()
    {
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        var error = await Assert.ThrowsAsync<TopologyStoreException>(() => directory.OpenAsync());
        Assert.Contains("in use by another Switchyard process", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_no_store_is_refused_with_a_sentence()
    {
        using var directory = new StoreDirectory();
        await File.WriteAllTextAsync(directory.StorePath, new string('x', 5000));
        var error = await Assert.ThrowsAsync<TopologyStoreException>(() => directory.OpenAsync());
        Assert.Contains("cannot be opened", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_is_damaged_in_the_middle_is_refused_with_a_sentence()
    {
        using var directory = new StoreDirectory();
        await using (var store = await directory.OpenAsync())
        {
            for (var i = 0; i < 50; i++)
            {
                await store.CommitAsync(StoreTransaction.Empty.Put($"k/{i}", new string('x', 1000)));
            }
        }

        await using (var file = File.OpenWrite(directory.StorePath))
        {
            file.Position = 3 * 4096;
            await file.WriteAsync(new byte[file.Length - (3 * 4096)]);
        }

        var error = await Assert.ThrowsAsync<TopologyStoreException>(() => directory.OpenAsync());
        Assert.Contains("backup", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_store_can_be_read_by_its_owner_only()
    {
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        await store.CommitAsync(StoreTransaction.Empty.Put("a", "1"));
        foreach (var file in Directory.EnumerateFiles(directory.Path))
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public async Task A_closed_store_says_so_to_callers_and_watchers()
    {
        using var directory = new StoreDirectory();
        var store = await directory.OpenAsync();
        await using var watch = store.WatchAsync("", store.Revision).GetAsyncEnumerator();
        var pending = watch.MoveNextAsync().AsTask();
        await store.DisposeAsync();
        await Assert.ThrowsAsync<TopologyStoreException>(() => pending.WaitAsync(Limit.Time));
        await Assert.ThrowsAsync<TopologyStoreException>(() => store.GetAsync("a"));
    }
}
