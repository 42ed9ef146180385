using Switchyard.Replication.Schema;

namespace Switchyard.Replication;

/// <summary>
/// Behind the names of some tables are others than the stream has followed, with rows that were never streamed. It goes on once
/// <see cref="ReplicationStream.CopyAgainAsync"/> has made them anew.
/// </summary>
/// <param name="tables">The tables.</param>
/// <param name="what">What happened to them and where: a sentence without its end.</param>
/// <param name="why">What follows from that.</param>
public sealed class TablesReplacedException(IReadOnlyList<TableName> tables, string what, string why = "rows that were never streamed can be behind the name")
    : ReplicationException($"{what}: {why}, so {(tables.Count == 1 ? "it has" : "they have")} to be copied again.")
{
    /// <summary>The tables.</summary>
    public IReadOnlyList<TableName> Tables { get; } = tables;

    /// <summary>What happened to them and where: a sentence without its end.</summary>
    public string What { get; } = what;
}
