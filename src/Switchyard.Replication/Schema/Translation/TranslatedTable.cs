namespace Switchyard.Replication.Schema;

/// <summary>A secondary index that is built after the rows.</summary>
/// <param name="Name">The index's name.</param>
/// <param name="Definition">Its definition as ALTER TABLE … ADD takes it.</param>
internal sealed record DeferredIndex(string Name, string Definition);

/// <summary>A table as the target can create it.</summary>
internal sealed record TranslatedTable
{
    internal required TableName Name { get; init; }

    /// <summary>CREATE TABLE IF NOT EXISTS, without the deferred indexes.</summary>
    internal required string CreateStatement { get; init; }

    internal required IReadOnlyList<DeferredIndex> DeferredIndexes { get; init; }

    /// <summary>What the target cannot express; a refusal among them means that the table is not created.</summary>
    internal required IReadOnlyList<GateFinding> Findings { get; init; }
}
