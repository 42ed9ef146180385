using System.Collections.Concurrent;
using Switchyard.Lab;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>A wire to a server that knows which connections have taken leave of it and are not closed by it yet. Without TLS.</summary>
/// <param name="serverPort">Where it leads.</param>
/// <param name="words">What the statement has in it that is waited for.</param>
internal sealed class LeavingWire(int serverPort, byte[] words) : TcpRelay(serverPort)
{
    private static readonly byte[] s_quit = [1, 0, 0, 0, (byte)CommandKind.Quit];

    private readonly ConcurrentDictionary<Route, bool> _leaving = new();
    private readonly byte[] _words = words;
    private int _left;
    private int _met;

    /// <summary>Connections that have taken leave.</summary>
    public int Left => Volatile.Read(ref _left);

    /// <summary>Those of them that the server had not closed when the statement passed, of all times it did.</summary>
    public int Met => Volatile.Read(ref _met);

    /// <summary>Who takes leave from now on counts.</summary>
    public void Forget() => _leaving.Clear();

    protected override Route Begin() => new LeavingRoute(this);

    private sealed class LeavingRoute(LeavingWire wire) : Route
    {
        public override ValueTask<ReadOnlyMemory<byte>?> ToServerAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            if (bytes.Span.SequenceEqual(s_quit))
            {
                Interlocked.Increment(ref wire._left);
                wire._leaving.TryAdd(this, true);
            }
            else if (bytes.Span.IndexOf(wire._words) >= 0)
            {
                Interlocked.Add(ref wire._met, wire._leaving.Count);
            }

            return new(bytes);
        }

        public override void CloseByServer() => wire._leaving.TryRemove(this, out _);
    }
}
