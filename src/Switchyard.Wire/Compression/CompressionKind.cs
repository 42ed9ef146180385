namespace Switchyard.Wire.Compression;

/// <summary>How the two ends of a connection have agreed to compress it.</summary>
public enum CompressionKind
{
    None,

    /// <summary>Agreed on by <see cref="Capabilities.Compress"/>.</summary>
    Zlib,

    /// <summary>Agreed on by <see cref="Capabilities.ZstdCompression"/>: MySQL 8.0.18 and later.</summary>
    Zstd,
}
