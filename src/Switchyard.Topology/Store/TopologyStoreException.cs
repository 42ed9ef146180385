namespace Switchyard.Topology;

/// <summary>The store could not do what was asked; the message says why and what to do.</summary>
public class TopologyStoreException : Exception
{
    public TopologyStoreException(string message)
        : base(message)
    {
    }

    public TopologyStoreException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>A watch asked for changes the store no longer keeps. Read the prefix again and watch after the revision read.</summary>
public sealed class WatchGapException(long afterRevision, long oldestKept)
    : TopologyStoreException($"Changes after revision {afterRevision} are no longer kept (the oldest is {oldestKept}); read the keys again and watch from there.");
