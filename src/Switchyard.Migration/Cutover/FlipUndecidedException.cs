using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>The store failed in the flip's commit, and does not say whether it has it. Either side may be authoritative, so that nothing may be undone or gone on with before it has been read.</summary>
internal sealed class FlipUndecidedException(TopologyStoreException cause) : Exception(cause.Message, cause);
