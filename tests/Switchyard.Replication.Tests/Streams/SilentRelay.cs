using System.Collections.Concurrent;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Stands between the engine and a server, and can forget a connection: it stays open, and no answer comes any more.</summary>
internal sealed class SilentRelay(int port) : TcpRelay(port)
{
    private readonly ConcurrentStack<SilentRoute> _routes = new();

    /// <summary>From now on nothing the server says on the connection made last arrives.</summary>
    public void SilenceLast()
    {
        if (_routes.TryPeek(out var last))
        {
            last.IsSilent = true;
        }
    }

    protected override Route Begin()
    {
        var route = new SilentRoute();
        _routes.Push(route);
        return route;
    }

    private sealed class SilentRoute : Route
    {
        private volatile bool _isSilent;

        public bool IsSilent
        {
            set => _isSilent = value;
        }

        public override ValueTask<ReadOnlyMemory<byte>?> ToClientAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
            new(_isSilent ? ReadOnlyMemory<byte>.Empty : bytes);
    }
}
