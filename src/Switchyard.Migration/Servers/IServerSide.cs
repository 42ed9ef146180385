using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>What the cutover and the end of a migration do on one server. One caller at a time; connections are kept between calls.</summary>
internal interface IServerSide : IAsyncDisposable
{
    /// <summary>Opens the connection ahead of time, so that the pause does not pay for a login.</summary>
    Task ConnectAsync(CancellationToken cancellationToken);

    /// <summary>Opens ahead of time what a fence of this kind will be held by, which then waits no longer than the limit for whoever holds a table.</summary>
    Task PrepareFenceAsync(FenceMode mode, IReadOnlyList<TableName> tables, TimeSpan limit, CancellationToken cancellationToken);

    /// <summary>Facts the prechecks need.</summary>
    Task<ServerFacts> ReadFactsAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Whether this server takes a write now: a row of our own is written and removed. A server whose disk is full may refuse it, or let it wait for as long
    /// as the disk is full.
    /// </summary>
    /// <returns>Why it does not; null when it does.</returns>
    Task<WriteRefusal?> ProbeWriteAsync(TimeSpan limit, CancellationToken cancellationToken);

    /// <summary>Keeps everybody from writing the tables until the fence is released or its connection ends.</summary>
    Task<IFence> FenceAsync(FenceMode mode, IReadOnlyList<TableName> tables, TimeSpan limit, CancellationToken cancellationToken);

    /// <summary>Takes back <see cref="FenceMode.ReadOnly"/> after a crash; safe when it was never set.</summary>
    Task LiftReadOnlyAsync(CancellationToken cancellationToken);

    /// <summary>The XA transactions prepared and not ended on this server.</summary>
    Task<IReadOnlyList<string>> ReadPreparedXaAsync(CancellationToken cancellationToken);

    /// <summary>The flushed end of this server's binary log.</summary>
    Task<StreamPosition> ReadEndAsync(CancellationToken cancellationToken);

    /// <summary>The next AUTO_INCREMENT value of each moved table that has one, and the next value of each moved sequence.</summary>
    Task<IdentityValues> ReadIdentitiesAsync(IReadOnlyList<MigratedSchema> moved, CancellationToken cancellationToken);

    /// <summary>The same once more, of these tables at least, as quickly as this server can tell: the application may be waiting.</summary>
    Task<IdentityValues> ReadIdentitiesAgainAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken);

    /// <summary>Sets the next AUTO_INCREMENT value, with headroom as far as the column has room for it.</summary>
    /// <returns>The value set.</returns>
    Task<ulong> RaiseIdentityAsync(TableName table, ulong next, ulong headroom, CancellationToken cancellationToken);

    /// <summary>Sets sequences on; one that is further already is left as it is.</summary>
    /// <exception cref="CutoverFailedException">The server does not have one of them.</exception>
    Task RaiseSequencesAsync(IReadOnlyCollection<KeyValuePair<TableName, SequenceValue>> sequences, CancellationToken cancellationToken);

    /// <summary>The triggers of the moved tables, and the events of schemas that move as a whole; of others those that name a moved table.</summary>
    Task<HandoverRecord> ReadTriggersAndEventsAsync(IReadOnlyList<MigratedSchema> moved, CancellationToken cancellationToken);

    /// <summary>Creates a trigger, replacing one of the same name.</summary>
    Task CreateTriggerAsync(TriggerDefinition trigger, CancellationToken cancellationToken);

    Task DropTriggerAsync(TriggerDefinition trigger, CancellationToken cancellationToken);

    /// <summary>Creates an event that does not run yet, replacing one of the same name.</summary>
    /// <returns>False when its schedule is over, so that the server makes none of it.</returns>
    Task<bool> CreateEventAsync(EventDefinition definition, CancellationToken cancellationToken);

    /// <summary>Lets an event run, or keeps it from running; what runs already goes on.</summary>
    /// <returns>False when there is none: one that has run for the last time is dropped by its server.</returns>
    Task<bool> SetEventAsync(EventDefinition definition, bool enabled, CancellationToken cancellationToken);

    /// <summary>Events of the schemas that run now, as far as the account sees them.</summary>
    Task<IReadOnlyList<ServerProcess>> ListRunningEventsAsync(CancellationToken cancellationToken);

    Task DropEventAsync(EventDefinition definition, CancellationToken cancellationToken);

    /// <summary>Who is connected for the schemas' sake without a proxy, and whether connections through proxies can be told from others.</summary>
    Task<ClientSurvey> ReadClientsAsync(CancellationToken cancellationToken);

    /// <summary>Ends the connections that proxies which are not alive left here, and sees them gone.</summary>
    /// <returns>False when this server does not show whose connections are whose; nothing was ended then.</returns>
    Task<bool> EndOrphanedLegsAsync(IReadOnlyCollection<string> liveProxies, CancellationToken cancellationToken);

    /// <summary>The connections that run a statement now, replicas' and our own one left out.</summary>
    Task<IReadOnlyList<ServerProcess>> ListRunningAsync(CancellationToken cancellationToken);

    /// <summary>Ends connections, and sees them gone.</summary>
    Task EndConnectionsAsync(IReadOnlyList<ulong> connections, CancellationToken cancellationToken);

    /// <summary>Whether the account sees what other accounts' connections do.</summary>
    Task<bool> SeesOthersAsync(CancellationToken cancellationToken);

    /// <summary>Every account of the server, and MariaDB's roles, which have no host; null where ours may not read them.</summary>
    Task<IReadOnlySet<Account>?> ListAccountsAsync(CancellationToken cancellationToken);

    Task<bool> SchemaExistsAsync(string schema, CancellationToken cancellationToken);

    /// <summary>The base tables of a schema.</summary>
    Task<IReadOnlyList<SchemaItem>> ListTablesAsync(string schema, CancellationToken cancellationToken);

    /// <summary>The routines of a schema, as they are now.</summary>
    Task<IReadOnlyList<RoutineBody>> ListRoutineBodiesAsync(string schema, CancellationToken cancellationToken);

    /// <summary>The views of a schema, each with what it shows and how.</summary>
    Task<IReadOnlyList<(SchemaItem View, string Text)>> ListViewTextsAsync(string schema, CancellationToken cancellationToken);

    /// <summary>Of the views and routines of a schema, the account each runs as, as the server names it: <c>user@host</c>.</summary>
    Task<IReadOnlyList<(SchemaItem Item, string Definer)>> ListDefinersAsync(string schema, CancellationToken cancellationToken);

    /// <summary>The views and routines of a schema.</summary>
    Task<IReadOnlyList<SchemaItem>> ListViewsAndRoutinesAsync(string schema, CancellationToken cancellationToken);

    /// <summary>Drops those of these views and routines that exist.</summary>
    Task DropAsync(IReadOnlyList<SchemaItem> items, CancellationToken cancellationToken);

    /// <summary>Drops the tables that exist of those named.</summary>
    Task DropTablesAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken);

    /// <summary>Renames the tables to <c>_NAME_old</c>.</summary>
    Task RenameTablesAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken);

    /// <summary>Drops a schema when nothing is left in it.</summary>
    Task DropSchemaIfEmptyAsync(string schema, CancellationToken cancellationToken);

    /// <summary>Schemas of users on this server, ours and the system's left out.</summary>
    Task<IReadOnlyList<string>> ListSchemasAsync(CancellationToken cancellationToken);
}

/// <summary>A fence that stands.</summary>
internal interface IFence : IAsyncDisposable
{
    /// <summary>Throws when the fence may have fallen, because its connection ended.</summary>
    Task VerifyAsync(CancellationToken cancellationToken);

    /// <summary>Lets writers through again.</summary>
    Task ReleaseAsync(CancellationToken cancellationToken);
}

/// <summary>What a server says about itself that a switch depends on.</summary>
/// <param name="Version">Its version text.</param>
/// <param name="IsReadOnly">It refuses writes.</param>
/// <param name="HasBinlog">It logs its writes.</param>
/// <param name="BinlogFormat">ROW, STATEMENT or MIXED.</param>
/// <param name="RowImage">FULL, MINIMAL or NOBLOB.</param>
/// <param name="LongTransactions">Open transactions older than a few seconds, one sentence each.</param>
internal sealed record ServerFacts(
    string Version, bool IsReadOnly, bool HasBinlog, string BinlogFormat, string RowImage, IReadOnlyList<string> LongTransactions);

/// <summary>What a server would hand out next.</summary>
/// <param name="Columns">By table with an AUTO_INCREMENT column.</param>
/// <param name="Sequences">By sequence; empty on servers without them.</param>
internal sealed record IdentityValues(IReadOnlyDictionary<TableName, ulong> Columns, IReadOnlyDictionary<TableName, SequenceValue> Sequences);

/// <summary>Where a sequence stands.</summary>
/// <param name="Next">The first value that is not handed to the server's cache.</param>
/// <param name="Round">How often it has begun anew, which only one with CYCLE does: a lower value of a later round comes after a higher one.</param>
internal readonly record struct SequenceValue(long Next, long Round);

/// <summary>The connections of a server as far as a switch is concerned.</summary>
/// <param name="SeesLegs">The server shows connection attributes, so that a proxy's connections are known from others.</param>
/// <param name="Direct">Those that do not come through a proxy; where legs are not seen, the proxies' own are among them.</param>
internal sealed record ClientSurvey(bool SeesLegs, IReadOnlyList<DirectClient> Direct);

/// <summary>Connections of one program of one account.</summary>
/// <param name="User">The account's user.</param>
/// <param name="Host">Where from, without the port.</param>
/// <param name="Program">As it names itself; a question mark when it does not.</param>
/// <param name="Connections">How many.</param>
/// <param name="IdleSeconds">Since the last statement of any of them; null while one runs.</param>
internal sealed record DirectClient(string User, string Host, string Program, int Connections, long? IdleSeconds);

/// <summary>What a routine does.</summary>
/// <param name="Item">Which one.</param>
/// <param name="Body">As its server keeps it; empty when the account may not see it.</param>
/// <param name="ChangedAt">By the server's clock.</param>
internal sealed record RoutineBody(SchemaItem Item, string Body, DateTimeOffset ChangedAt);

/// <summary>A table, a view or a routine.</summary>
/// <param name="Kind">TABLE, VIEW, SEQUENCE, PROCEDURE or FUNCTION.</param>
/// <param name="Schema">The schema it is in.</param>
/// <param name="Name">Its name.</param>
internal sealed record SchemaItem(string Kind, string Schema, string Name);

/// <summary>Opens sides; the product opens real connections, tests do not.</summary>
internal interface IServerSides
{
    IServerSide Create(ConnectionOptions backend, IReadOnlyList<string> schemas);

    /// <summary>The accounts that use any of the schemas on one server, can be logged in as, and do not exist on another.</summary>
    /// <exception cref="ServerErrorException">The accounts may not be read.</exception>
    Task<IReadOnlyList<Account>> ListMissingAccountsAsync(ConnectionOptions from, ConnectionOptions to, IReadOnlyList<string> schemas, CancellationToken cancellationToken);

    /// <summary>Of the accounts that exist on both, those that may do less in the schemas on the other, with what they lack.</summary>
    /// <exception cref="ServerErrorException">The accounts may not be read.</exception>
    Task<IReadOnlyList<(Account Account, IReadOnlyList<string> Lacking)>> ListLesserAccountsAsync(ConnectionOptions from, ConnectionOptions to, IReadOnlyList<string> schemas, CancellationToken cancellationToken);
}
