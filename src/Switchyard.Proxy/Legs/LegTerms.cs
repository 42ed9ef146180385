using System.Net;
using Switchyard.Proxy.Sockets;
using Switchyard.Wire;

namespace Switchyard.Proxy.Legs;

/// <summary>What every leg of a session is opened with, whoever its client is.</summary>
/// <param name="Client">Where the client connects from.</param>
/// <param name="Capabilities">As agreed with the client.</param>
/// <param name="Collation">Id of the collation the client asked for.</param>
/// <param name="Attributes">The connection attributes the client gave.</param>
/// <param name="SessionId">The session, for the leg's own attributes.</param>
internal sealed record LegTerms(
    IPAddress Client, Capabilities Capabilities, ushort Collation, IReadOnlyList<KeyValuePair<string, string>> Attributes, long SessionId)
{
    /// <summary>The schema to log in to; null for none, and for legs a session's schema is carried to.</summary>
    public string? Schema { get; init; }

    /// <summary>Where the client's connection is, and the leg goes; null for connections that are no leg.</summary>
    public EventLoop? Loop { get; init; }
}
