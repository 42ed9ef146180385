namespace Switchyard.Replication;

/// <summary>How tables are copied.</summary>
public sealed record CopyOptions
{
    /// <summary>Chunks in flight, each with a connection to either side.</summary>
    public int Threads { get; init; } = 4;

    /// <summary>Rows of a table's first chunk; later ones follow <see cref="ChunkTime"/>.</summary>
    public int FirstChunkRows { get; init; } = 2_000;

    /// <summary>No chunk has more rows.</summary>
    public int MaxChunkRows { get; init; } = 100_000;

    /// <summary>A chunk is cut where its rows pass this many bytes of SQL; the rest becomes a chunk of its own.</summary>
    public int MaxChunkBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>All chunks in flight have no more than this together, in bytes of SQL: with many threads each chunk is smaller.</summary>
    public int MaxChunksBytes { get; init; } = 64 * 1024 * 1024;

    internal int ChunkBytes => Math.Min(MaxChunkBytes, MaxChunksBytes / Math.Max(1, Threads));

    /// <summary>How long a chunk should take to read and insert.</summary>
    public TimeSpan ChunkTime { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Bytes of one INSERT statement, as far as the target's max_allowed_packet allows.</summary>
    public int StatementBytes { get; init; } = 1024 * 1024;

    /// <summary>Keys the stream may touch in a chunk while it is in flight, before the chunk is given up and begun again.</summary>
    public int MaxTouchedKeys { get; init; } = 200_000;
}
