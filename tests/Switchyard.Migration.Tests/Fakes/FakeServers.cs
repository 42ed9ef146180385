using System.Collections.Concurrent;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>What one make-believe server holds, as far as a cutover can see it.</summary>
internal sealed class FakeServer(string name)
{
    public string Name => name;

    public ulong LogEnd { get; set; } = 100;

    public bool ReadOnly { get; set; }

    public bool HasBinlog { get; set; } = true;

    public bool SeesLegs { get; set; } = true;

    public bool SeesOthers { get; set; } = true;

    public List<string> PreparedXa { get; } = [];

    /// <summary>Null where Switchyard's account may not read them.</summary>
    public HashSet<Account>? Accounts { get; set; } = [];

    /// <summary>Happens while connections of dead proxies are looked for.</summary>
    public Func<Task> OnOrphans { get; set; } = () => Task.CompletedTask;

    /// <summary>Connections that run a statement.</summary>
    public List<ServerProcess> Processes { get; } = [];

    /// <summary>Events that run.</summary>
    public List<ServerProcess> RunningEvents { get; } = [];

    public int Fences { get; set; }

    public bool FenceBroken { get; set; }

    public Dictionary<TableName, ulong> Identities { get; } = [];

    /// <summary>Every try to raise one waits in vain, unless the stream is between transactions.</summary>
    public bool IdentitiesAreHeld { get; set; }

    public int IdentityAttempts { get; set; }

    /// <summary>The stream that writes here has nothing under way.</summary>
    public bool IsBetweenTransactions { get; set; }

    /// <summary>The tables whose definition was changed for it.</summary>
    public List<TableName> Raised { get; } = [];

    public Dictionary<string, TriggerDefinition> Triggers { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, EventDefinition> Events { get; } = new(StringComparer.Ordinal);

    public HashSet<string> Tables { get; } = new(StringComparer.Ordinal) { "orders", "items" };

    /// <summary>Streams recorded on this server, by id, with the position they resume at.</summary>
    public ConcurrentDictionary<string, StreamPosition> Streams { get; } = new(StringComparer.Ordinal);

    /// <summary>How far each stream's rows are on this server.</summary>
    public ConcurrentDictionary<string, ulong> Applied { get; } = new(StringComparer.Ordinal);

    public StreamPosition End => new("log.000001", LogEnd);
}

internal sealed class FakeServers : IServerSides
{
    public ConcurrentDictionary<int, FakeServer> ByPort { get; } = new();

    public List<Account> MissingAccounts { get; } = [];

    public FakeServer Of(ConnectionOptions options) => ByPort[options.Port];

    public IServerSide Create(ConnectionOptions backend, IReadOnlyList<string> schemas) => new FakeSide(Of(backend));

    public Task<IReadOnlyList<Account>> ListMissingAccountsAsync(ConnectionOptions from, ConnectionOptions to, IReadOnlyList<string> schemas, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Account>>(MissingAccounts);

    public Task<IReadOnlyList<(Account Account, IReadOnlyList<string> Lacking)>> ListLesserAccountsAsync(
        ConnectionOptions from, ConnectionOptions to, IReadOnlyList<string> schemas, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<(Account, IReadOnlyList<string>)>>([]);
}

internal sealed class FakeSide(FakeServer server) : IServerSide
{
    public Task ConnectAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task PrepareFenceAsync(FenceMode mode, IReadOnlyList<TableName> tables, TimeSpan limit, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<ServerFacts> ReadFactsAsync(CancellationToken cancellationToken) =>
        Task.FromResult(new ServerFacts("fake", server.ReadOnly, server.HasBinlog, "ROW", "FULL", []));

    public Task<WriteRefusal?> ProbeWriteAsync(TimeSpan limit, CancellationToken cancellationToken) => Task.FromResult<WriteRefusal?>(null);

    public Task<IReadOnlyList<string>> ReadPreparedXaAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>(server.PreparedXa);

    public Task<IFence> FenceAsync(FenceMode mode, IReadOnlyList<TableName> tables, TimeSpan limit, CancellationToken cancellationToken)
    {
        server.Fences++;
        server.ReadOnly |= mode == FenceMode.ReadOnly;
        return Task.FromResult<IFence>(new FakeFence(server));
    }

    public Task LiftReadOnlyAsync(CancellationToken cancellationToken)
    {
        server.ReadOnly = false;
        return Task.CompletedTask;
    }

    public Task<StreamPosition> ReadEndAsync(CancellationToken cancellationToken) => Task.FromResult(server.End);

    public Task<IdentityValues> ReadIdentitiesAsync(IReadOnlyList<MigratedSchema> moved, CancellationToken cancellationToken) =>
        Task.FromResult(new IdentityValues(new Dictionary<TableName, ulong>(server.Identities), new Dictionary<TableName, SequenceValue>()));

    public async Task<IdentityValues> ReadIdentitiesAgainAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        var all = await ReadIdentitiesAsync([], cancellationToken);
        return all with { Columns = all.Columns.Where(c => tables.Contains(c.Key)).ToDictionary() };
    }

    public Task<ulong> RaiseIdentityAsync(TableName table, ulong next, ulong headroom, CancellationToken cancellationToken)
    {
        server.IdentityAttempts++;
        if (server.IdentitiesAreHeld && !server.IsBetweenTransactions)
        {
            throw new ServerErrorException(1205, "HY000", "Lock wait timeout exceeded; try restarting transaction");
        }

        server.Raised.Add(table);
        return Task.FromResult(server.Identities[table] = next + headroom);
    }

    public Task RaiseSequencesAsync(IReadOnlyCollection<KeyValuePair<TableName, SequenceValue>> sequences, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<HandoverRecord> ReadTriggersAndEventsAsync(IReadOnlyList<MigratedSchema> moved, CancellationToken cancellationToken) =>
        Task.FromResult(new HandoverRecord { Triggers = [.. server.Triggers.Values], Events = [.. server.Events.Values] });

    public Task CreateTriggerAsync(TriggerDefinition trigger, CancellationToken cancellationToken)
    {
        server.Triggers[trigger.Name] = trigger;
        return Task.CompletedTask;
    }

    public Task DropTriggerAsync(TriggerDefinition trigger, CancellationToken cancellationToken)
    {
        server.Triggers.Remove(trigger.Name);
        return Task.CompletedTask;
    }

    public Task<bool> CreateEventAsync(EventDefinition definition, CancellationToken cancellationToken)
    {
        server.Events[definition.Name] = definition with { Enabled = false };
        return Task.FromResult(true);
    }

    public Task<bool> SetEventAsync(EventDefinition definition, bool enabled, CancellationToken cancellationToken)
    {
        if (!server.Events.TryGetValue(definition.Name, out var there))
        {
            return Task.FromResult(false);
        }

        server.Events[definition.Name] = there with { Enabled = enabled };
        return Task.FromResult(true);
    }

    public Task<IReadOnlyList<ServerProcess>> ListRunningEventsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<ServerProcess>>([.. server.RunningEvents]);

    public Task DropEventAsync(EventDefinition definition, CancellationToken cancellationToken)
    {
        server.Events.Remove(definition.Name);
        return Task.CompletedTask;
    }

    public Task<ClientSurvey> ReadClientsAsync(CancellationToken cancellationToken) => Task.FromResult(new ClientSurvey(server.SeesLegs, []));

    public async Task<bool> EndOrphanedLegsAsync(IReadOnlyCollection<string> liveProxies, CancellationToken cancellationToken)
    {
        await server.OnOrphans();
        return server.SeesLegs;
    }

    public Task<bool> SeesOthersAsync(CancellationToken cancellationToken) => Task.FromResult(server.SeesOthers);

    public Task<IReadOnlyList<ServerProcess>> ListRunningAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<ServerProcess>>([.. server.Processes]);

    public Task EndConnectionsAsync(IReadOnlyList<ulong> connections, CancellationToken cancellationToken)
    {
        server.Processes.RemoveAll(p => connections.Contains(p.Id));
        return Task.CompletedTask;
    }

    public Task<IReadOnlySet<Account>?> ListAccountsAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlySet<Account>?>(server.Accounts);

    public Task<IReadOnlyList<(SchemaItem View, string Text)>> ListViewTextsAsync(string schema, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<(SchemaItem, string)>>([]);

    public Task<IReadOnlyList<(SchemaItem Item, string Definer)>> ListDefinersAsync(string schema, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<(SchemaItem, string)>>([]);

    public Task<bool> SchemaExistsAsync(string schema, CancellationToken cancellationToken) => Task.FromResult(true);

    public Task<IReadOnlyList<SchemaItem>> ListTablesAsync(string schema, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<SchemaItem>>([.. server.Tables.Order(StringComparer.Ordinal).Select(t => new SchemaItem("TABLE", schema, t))]);

    public Task<IReadOnlyList<RoutineBody>> ListRoutineBodiesAsync(string schema, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<RoutineBody>>([]);

    public Task<IReadOnlyList<SchemaItem>> ListViewsAndRoutinesAsync(string schema, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<SchemaItem>>([]);

    public Task DropAsync(IReadOnlyList<SchemaItem> items, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task DropTablesAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        server.Tables.ExceptWith(tables.Select(t => t.Name));
        return Task.CompletedTask;
    }

    public Task RenameTablesAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        server.Tables.ExceptWith(tables.Select(t => t.Name));
        server.Tables.UnionWith(tables.Select(t => ServerSide.OldName(t.Name)));
        return Task.CompletedTask;
    }

    public Task DropSchemaIfEmptyAsync(string schema, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<IReadOnlyList<string>> ListSchemasAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>(["shop"]);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed class FakeFence(FakeServer server) : IFence
    {
        private bool _released;

        public Task VerifyAsync(CancellationToken cancellationToken) => server.FenceBroken
            ? throw new CutoverFailedException("The fence fell.", "Try again.")
            : Task.CompletedTask;

        public Task ReleaseAsync(CancellationToken cancellationToken)
        {
            if (!_released)
            {
                _released = true;
                server.Fences--;
                server.ReadOnly = false;
            }

            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
