using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>The live proxies as of one revision. A transaction that requires it fails when a proxy has joined or left since.</summary>
public sealed record Membership(long Revision, ImmutableArray<Versioned<ProxyMember>> Members);
