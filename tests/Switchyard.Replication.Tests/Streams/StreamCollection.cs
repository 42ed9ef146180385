namespace Switchyard.Replication.Tests.Streams;

/// <summary>Tests that arm fault points, or would meet armed ones, run one after another.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class StreamCollection
{
    public const string Name = "streams";
}
