using Switchyard.Client;
using Switchyard.Replication;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>One direction of replication, as the engine needs to know it.</summary>
/// <param name="Id">Unique on the following side.</param>
/// <param name="From">The origin.</param>
/// <param name="To">The following side.</param>
/// <param name="Schemas">What moves.</param>
/// <param name="Copying">The following side's tables are still being filled.</param>
/// <param name="Settings">As the operator chose.</param>
/// <param name="OppositeId">The id of the stream of the other direction, whose transactions this one passes over.</param>
internal sealed record StreamSpec(
    string Id, ConnectionOptions From, ConnectionOptions To, IReadOnlyList<MigratedSchema> Schemas, bool Copying, CreateMigrationRequest Settings, string? OppositeId = null)
{
    public IReadOnlyList<TableName> Tables => Schemas.AllTables();
}

/// <summary>Names as a server has them.</summary>
/// <param name="IgnoreCase">Names of schemas and tables are compared without regard to case (<c>lower_case_table_names</c> is not 0).</param>
/// <param name="Schemas">Its schemas.</param>
internal sealed record ServerNames(bool IgnoreCase, IReadOnlyList<string> Schemas);

/// <summary>What the lifecycle needs of schema copy, row copy and streams. The product has one implementation; tests have another.</summary>
internal interface IReplicationEngine
{
    /// <summary>Everything that would keep this migration from working, or that the operator should know.</summary>
    /// <param name="source">The source.</param>
    /// <param name="target">The target.</param>
    /// <param name="settings">As the operator chose.</param>
    /// <param name="begun">The copy has begun before, so the target's tables are ours.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<IReadOnlyList<Finding>> PreflightAsync(ConnectionOptions source, ConnectionOptions target, CreateMigrationRequest settings, bool begun, CancellationToken cancellationToken);

    /// <summary>What stands in the way of taking further tables into a migration that is under way.</summary>
    /// <param name="source">The source.</param>
    /// <param name="target">The target.</param>
    /// <param name="schemas">What moves with them.</param>
    /// <param name="added">The tables.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<IReadOnlyList<Finding>> PreflightAddedAsync(
        ConnectionOptions source, ConnectionOptions target, IReadOnlyList<MigratedSchema> schemas, IReadOnlyCollection<TableName> added, CancellationToken cancellationToken);

    /// <summary>What would keep this direction's stream from running once its origin is authoritative; each is an error.</summary>
    Task<IReadOnlyList<Finding>> CheckWayBackAsync(StreamSpec spec, Direction direction, CancellationToken cancellationToken);

    /// <summary>How a server names its schemas, and how it compares such names.</summary>
    Task<ServerNames> ReadNamesAsync(ConnectionOptions backend, CancellationToken cancellationToken);

    /// <summary>The base tables of a schema, in name order.</summary>
    Task<IReadOnlyList<string>> ListTablesAsync(ConnectionOptions backend, string schema, CancellationToken cancellationToken);

    /// <summary>The sequences of a schema that are named, or that defaults and triggers of named tables use, in name order.</summary>
    Task<IReadOnlyList<string>> ListSequencesAsync(ConnectionOptions backend, string schema, IReadOnlyCollection<string> named, CancellationToken cancellationToken);

    /// <summary>Creates the tables on the following side; doing it again after a crash is safe.</summary>
    /// <returns>What could not be carried over exactly, or not at all.</returns>
    Task<IReadOnlyList<Finding>> CopySchemaAsync(StreamSpec spec, CancellationToken cancellationToken);

    /// <summary>
    /// Makes some tables of a stream that does not run anew on the following side, so that they are copied from the beginning, with those that cascades tie to them. Doing it again after a crash is safe.
    /// </summary>
    /// <param name="spec">The stream.</param>
    /// <param name="tables">The tables.</param>
    /// <param name="added">Those of them that the stream has not followed before; where they are refused the target keeps nothing of them.</param>
    /// <param name="delayed">Is told why it takes longer, and null when it does not any more.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    /// <returns>What could not be carried over exactly.</returns>
    /// <exception cref="Replication.ReplicationException">They cannot be moved as they are now; nothing was changed.</exception>
    Task<IReadOnlyList<Finding>> CopyAgainAsync(StreamSpec spec, IReadOnlyList<TableName> tables, IReadOnlyCollection<TableName> added, Action<string?> delayed, CancellationToken cancellationToken);

    /// <summary>Tables whose definitions the origin has changed since a stream was recorded that has not run yet; null where its log does not tell.</summary>
    Task<IReadOnlyList<TableName>?> FindChangedAsync(StreamSpec spec, CancellationToken cancellationToken);

    /// <summary>Records on the following side that the stream begins at a position of the origin, or at its current end.</summary>
    Task<StreamPosition> RecordAsync(StreamSpec spec, StreamPosition? at, CancellationToken cancellationToken);

    /// <summary>Records a stream whose beginning is only known later, and keeps ready what moving it there needs.</summary>
    Task<IStreamRecord> BeginRecordAsync(StreamSpec spec, CancellationToken cancellationToken);

    /// <summary>Takes over a recorded stream; it does not run before <see cref="IMigrationStream.Start"/>.</summary>
    Task<IMigrationStream> OpenAsync(StreamSpec spec, CancellationToken cancellationToken);

    /// <summary>Whether a recorded stream could go on with the server the spec names as its origin now.</summary>
    /// <exception cref="Replication.ReplicationException">It could not; the message says what is missing there.</exception>
    Task VerifyCanFollowAsync(StreamSpec spec, CancellationToken cancellationToken);

    /// <summary>For a recorded stream that does not run: how far the place where it would go on is from being purged; null when that is not known.</summary>
    /// <exception cref="Replication.ReplicationException">It is purged already.</exception>
    Task<LogReach?> ReadLogReachAsync(StreamSpec spec, CancellationToken cancellationToken);

    /// <summary>Prepares the copy of all rows alongside a running stream; it resumes what an earlier one has done.</summary>
    Task<IMigrationCopy> PrepareCopyAsync(StreamSpec spec, IMigrationStream stream, CancellationToken cancellationToken);

    /// <summary>Follows the log of the side a stream writes and reports what others wrote there.</summary>
    /// <param name="spec">The stream.</param>
    /// <param name="after">Where to begin; null for the end of the log now.</param>
    /// <param name="found">Called in the log's order; must not block.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<IForeignWatch> WatchAsync(StreamSpec spec, StreamPosition? after, Action<ForeignWriteStatus> found, CancellationToken cancellationToken);

    /// <summary>
    /// Ends what the following side may still do for a stream that does not run any more, so that it makes no table anew; then removes the stream's records there, and our schema
    /// once it is empty.
    /// </summary>
    Task RemoveAsync(StreamSpec spec, CancellationToken cancellationToken);
}

/// <summary>A recorded stream that does not run yet.</summary>
internal interface IStreamRecord : IAsyncDisposable
{
    /// <summary>Lets it begin at a position of the origin.</summary>
    Task MoveAsync(StreamPosition to, CancellationToken cancellationToken);
}

/// <summary>A stream in one direction.</summary>
internal interface IMigrationStream : IAsyncDisposable
{
    /// <summary>Completes when the stream stands still: successfully after <see cref="StopAsync"/>, with the cause otherwise.</summary>
    Task Completion { get; }

    /// <summary>Where it stands now.</summary>
    StreamStatus Status { get; }

    /// <summary>After the following side's COMMIT has answered, with the origin's position up to which everything is visible there.</summary>
    event Action<StreamPosition>? Applied;

    void Start();

    /// <summary>Completes once it reads and applies.</summary>
    /// <exception cref="InvalidOperationException">It has stopped instead.</exception>
    Task WaitForRunningAsync(CancellationToken cancellationToken);

    /// <summary>Returns once nothing more will be applied.</summary>
    Task StopAsync(CancellationToken cancellationToken);

    /// <summary>It stopped because another server answers where its origin was; opened anew it looks for its place there.</summary>
    bool HasSourceMoved { get; }

    /// <summary>It stopped because other tables are behind the names of some; null otherwise.</summary>
    TablesReplacedException? Replaced { get; }

    /// <summary>Grows before a statement that may change the definition of a table, or empty it, is applied, and again after.</summary>
    long DefinitionChanges { get; }

    /// <summary>Grows with every statement read that may make, change or drop a trigger or an event.</summary>
    long CodeChanges { get; }

    /// <summary>Runs an action with nothing of the stream under way on the following side; the action must not take long.</summary>
    Task BetweenTransactionsAsync(Func<CancellationToken, Task> action, CancellationToken cancellationToken);

    /// <summary>Whether a prepared XA transaction is known to change none of the stream's tables.</summary>
    bool IsUnrelatedXa(string xid);

    /// <summary>The flushed end of the origin's log.</summary>
    Task<StreamPosition> ReadEndAsync(CancellationToken cancellationToken);

    /// <summary>What the applier waits for the following side to answer; null when nothing. The caller's token bounds the answer.</summary>
    Task<ApplyDelay?> ReadDelayAsync(CancellationToken cancellationToken);

    /// <summary>Completes the moment everything up to the position is committed on the following side.</summary>
    Task WaitForAppliedAsync(StreamPosition position, CancellationToken cancellationToken);
}

/// <summary>A watch that runs.</summary>
internal interface IForeignWatch : IAsyncDisposable
{
    /// <summary>Everything in the log up to here has been looked at.</summary>
    StreamPosition Examined { get; }

    /// <summary>Why it does not run; null while it does.</summary>
    string? Error { get; }

    /// <summary>Completes when everything up to the position has been looked at.</summary>
    Task WaitForExaminedAsync(StreamPosition position, CancellationToken cancellationToken);
}

/// <summary>The copy of all rows.</summary>
internal interface IMigrationCopy
{
    IReadOnlyList<TableStatus> Progress { get; }

    /// <summary>Why it is held back now, and for how long it was in all.</summary>
    (string? Reason, TimeSpan Held) Throttled { get; }

    /// <summary>Takes effect at once.</summary>
    /// <param name="settings">The limits.</param>
    /// <param name="replicas">The servers <see cref="ThrottleSettings.Replicas"/> names.</param>
    void Throttle(ThrottleSettings settings, IReadOnlyDictionary<string, ConnectionOptions> replicas);

    /// <summary>Copies what is not copied yet and builds what was deferred.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}
