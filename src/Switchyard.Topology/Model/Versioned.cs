namespace Switchyard.Topology;

/// <summary>A record with the revision it was read at, for compare-and-set. <see cref="Revision"/> 0 means it is absent.</summary>
public readonly record struct Versioned<T>(string Key, T Value, long Revision)
{
    public bool Exists => Revision != 0;
}
