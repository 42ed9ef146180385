namespace Switchyard.Proxy.Sockets;

/// <summary>The loops of a proxy; each client is given to the next one, with all its legs.</summary>
internal sealed class EventLoops : IDisposable
{
    /// <summary>A bound for very large machines; relaying is mostly the kernel's work.</summary>
    private const int Most = 16;

    /// <summary>A loop that is busy finds the next events without being woken; with one on every core of two a point select took a fifth more.</summary>
    private const int CoresEach = 2;

    private readonly EventLoop[] _loops;
    private uint _next;

    public EventLoops()
    {
        _loops = new EventLoop[Math.Clamp(Environment.ProcessorCount / CoresEach, 1, Most)];
        for (var i = 0; i < _loops.Length; i++)
        {
            _loops[i] = new EventLoop($"proxy loop {i + 1}");
        }
    }

    /// <summary>The loop for a new client.</summary>
    public EventLoop Next() => _loops[Interlocked.Increment(ref _next) % (uint)_loops.Length];

    public void Dispose()
    {
        foreach (var loop in _loops)
        {
            loop.Dispose();
        }
    }
}
