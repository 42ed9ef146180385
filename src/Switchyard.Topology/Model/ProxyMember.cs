namespace Switchyard.Topology;

/// <summary>A live proxy; its record lives under a lease and goes when the proxy does.</summary>
public sealed record ProxyMember(string Id, string Address, DateTimeOffset StartedAt);
