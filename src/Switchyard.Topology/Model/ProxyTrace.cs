using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>
/// That a proxy has begun and has not ended in good order. Unlike its membership this outlives its lease: a proxy with a trace and without a membership
/// died, or is cut off, and may have left statements running on backends.
/// </summary>
public sealed record ProxyTrace(string Id, DateTimeOffset StartedAt)
{
    /// <summary>The backends on which nothing of it runs any more.</summary>
    public ImmutableArray<string> GoneFrom { get; init; } = [];

    /// <summary>When it was first found without a membership; null while it has not been.</summary>
    public DateTimeOffset? MissedSince { get; init; }
}
