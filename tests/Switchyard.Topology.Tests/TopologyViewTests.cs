using System.Security.Cryptography;

namespace Switchyard.Topology.Tests;

public sealed class TopologyViewTests : IAsyncLifetime
{
    private readonly StoreDirectory _directory = new();
    private readonly SecretProtector _secrets = new(RandomNumberGenerator.GetBytes(SecretProtector.KeySizeBytes));
    private readonly ManualTimeProvider _time = new();
    private SqliteTopologyStore _store = null!;
    private TopologyRepository _repository = null!;
    private TopologyView _view = null!;

    public async Task InitializeAsync()
    {
        _store = await _directory.OpenAsync(_time);
        _repository = new TopologyRepository(_store, _secrets, _time);
        await _repository.Begin().Put(new Backend("old", "mysql://u:p@h/")).CommitAsync();
        _view = await TopologyView.OpenAsync(_store, _secrets);
    }

    public async Task DisposeAsync()
    {
        await _view.DisposeAsync();
        await _store.DisposeAsync();
        _secrets.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_flip_changes_rules_and_gate_in_one_step()
    {
        var gate = NewGate();
        var table = new RoutingTable(1, "old", [new RoutingRule("shop", null, "old", "old")]);
        var held = await _repository.Begin().Put(table).Put(gate).CommitAsync();
        var before = await _view.CatchUpAsync(held.Revision, Limit.Token());
        Assert.Equal(gate.Id, Assert.Single(before.HeldGates).Id);
        var torn = 0;
        _view.Changed += state =>
        {
            var flipped = state.Gates[gate.Id].Value.State == GateState.Flipped;
            torn += flipped == (state.Routing.Epoch == 2) ? 0 : 1;
        };

        var flip = await _repository.Begin()
            .Require(before.Gates[gate.Id])
            .Put(gate with { State = GateState.Flipped })
            .Put(table with { Epoch = 2, Rules = [new RoutingRule("shop", null, "new", "new")] })
            .CommitAsync();
        var after = await _view.CatchUpAsync(flip.Revision, Limit.Token());

        Assert.Empty(after.HeldGates);
        Assert.Equal("new", after.Routing.Resolve("shop", "t")!.Value.Writer);
        Assert.Equal("old", before.Routing.Resolve("shop", "t")!.Value.Writer);
        Assert.Equal(0, torn);
    }

    [Fact]
    public async Task Whoever_waits_for_a_change_goes_on_when_those_who_follow_it_have_seen_it()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var goOn = new ManualResetEventSlim();
        _view.Changed += _ =>
        {
            entered.TrySetResult();
            goOn.Wait(Limit.Token());
        };
        var put = await _repository.Begin().Put(new Backend("new", "mysql://u:p@h/")).CommitAsync();
        await entered.Task.WaitAsync(Limit.Token());
        Assert.Equal(put.Revision, _view.Current.Revision);
        var caughtUp = _view.CatchUpAsync(put.Revision, Limit.Token());
        var wasEarly = caughtUp.IsCompleted;
        goOn.Set();
        await caughtUp;
        Assert.False(wasEarly);
    }

    [Fact]
    public async Task Of_flip_and_abandon_one_happens()
    {
        var gate = NewGate();
        await _repository.Begin().Put(gate).CommitAsync();
        var read = (await _repository.GetGateAsync(gate.Id))!.Value;
        var answers = await Task.WhenAll(
            _repository.Begin().Require(read).Put(gate with { State = GateState.Flipped }).CommitAsync(),
            _repository.Begin().Require(read).Put(gate with { State = GateState.Abandoned }).CommitAsync());
        Assert.Single(answers, answer => answer.Succeeded);
    }

    [Fact]
    public async Task A_flip_is_refused_when_a_proxy_joined_or_left_or_the_lock_was_lost()
    {
        var ttl = TimeSpan.FromSeconds(15);
        var first = await _store.GrantLeaseAsync(ttl);
        await _repository.Begin().Put(new ProxyMember("p1", "h:1", _time.GetUtcNow()), first).CommitAsync();
        var membership = await _repository.GetMembershipAsync();
        Assert.True((await _repository.Begin().Require(membership).PutValue("x", 1).CommitAsync()).Succeeded);

        var second = await _store.GrantLeaseAsync(ttl);
        await _repository.Begin().Put(new ProxyMember("p2", "h:2", _time.GetUtcNow()), second).CommitAsync();
        Assert.False((await _repository.Begin().Require(membership).PutValue("x", 2).CommitAsync()).Succeeded);

        membership = await _repository.GetMembershipAsync();
        await _store.RevokeAsync(first);
        Assert.False((await _repository.Begin().Require(membership).PutValue("x", 3).CommitAsync()).Succeeded);

        var held = (await _repository.TryLockMigrationAsync("m", "me", "switch", ttl))!;
        Assert.Null(await _repository.TryLockMigrationAsync("m", "you", "switch", ttl));
        Assert.Equal("me", (await _repository.GetMigrationLockAsync("m"))!.Owner);
        Assert.True((await _repository.Begin().Require(held).PutValue("x", 4).CommitAsync()).Succeeded);
        await held.DisposeAsync();
        Assert.False((await _repository.Begin().Require(held).PutValue("x", 5).CommitAsync()).Succeeded);
        await using var again = await _repository.TryLockMigrationAsync("m", "you", "switch", ttl);
        Assert.NotNull(again);
    }

    [Fact]
    public async Task A_dead_proxys_answers_go_with_it()
    {
        var lease = await _store.GrantLeaseAsync(TimeSpan.FromSeconds(15));
        var put = await _repository.Begin()
            .Put(new ProxyMember("p/1", "h:1", _time.GetUtcNow()), lease)
            .Put(new GateAck("g", "p/1", true, true, 3, 1.5, false, [new Blocker(1, "c", null, 2, "open transaction")]), lease)
            .CommitAsync();
        var state = await _view.CatchUpAsync(put.Revision, Limit.Token());
        Assert.Equal("open transaction", Assert.Single(state.GateAcks[("g", "p/1")].Blockers).Reason);
        Assert.True(state.Proxies.ContainsKey("p/1"));

        _time.Advance(TimeSpan.FromSeconds(16));
        state = await _view.WaitAsync(s => s.Proxies.IsEmpty, Limit.Token());
        Assert.Empty(state.GateAcks);
    }

    [Fact]
    public async Task The_journal_keeps_its_order_and_refuses_a_number_twice()
    {
        for (var i = 1; i <= 12; i++)
        {
            Assert.True((await _repository.Begin().Append(Entry("switch-1", i)).CommitAsync()).Succeeded);
        }

        Assert.False((await _repository.Begin().Append(Entry("switch-1", 12)).CommitAsync()).Succeeded);
        await _repository.Begin().Append(Entry("switch-2", 1)).CommitAsync();
        Assert.Equal(Enumerable.Range(1, 12), (await _repository.ListJournalAsync("m", "switch-1")).Select(entry => entry.Sequence));
        Assert.Equal(13, (await _repository.ListJournalAsync("m")).Length);
    }

    [Fact]
    public async Task Waiters_are_told_when_the_store_is_gone()
    {
        var wait = _view.WaitForChangeAsync(_view.Current.Revision, Limit.Token());
        await _store.DisposeAsync();
        await Assert.ThrowsAsync<TopologyStoreException>(() => wait);
        await Assert.ThrowsAsync<TopologyStoreException>(() => _view.Completion);
    }

    private static JournalEntry Entry(string operation, int sequence) => new("m", operation, sequence, "hold", JournalPhase.Begun, default);

    private Gate NewGate() => new("g1", "m", 2, GateState.Held, _time.GetUtcNow() + TimeSpan.FromSeconds(30), [new TableScope("shop", null)], 10_000, 1 << 26);
}
