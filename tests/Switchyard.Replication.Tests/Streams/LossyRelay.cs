using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>
/// Stands between the engine and a server, without TLS. Of every so many COMMITs it lets the server do one and swallows the answer: the engine sees its connection break.
/// </summary>
internal sealed class LossyRelay(int port) : TcpRelay(port)
{
    private static readonly byte[] s_commit = [7, 0, 0, 0, 3, .. "COMMIT"u8];

    private int _every;
    private int _left;
    private int _commits;
    private int _lost;

    /// <summary>Answers swallowed so far.</summary>
    public int Lost => Volatile.Read(ref _lost);

    /// <summary>Swallow the answer of every so many commits from now on, and so many answers at most: each costs a reconnection, and writers do not wait.</summary>
    public void LoseEvery(int commits, int atMost)
    {
        Volatile.Write(ref _left, atMost);
        Volatile.Write(ref _every, commits);
    }

    protected override Route Begin() => new LossyRoute(this);

    private bool IsDue() => Volatile.Read(ref _every) is > 0 and var every && Interlocked.Increment(ref _commits) % every == 0 && Interlocked.Decrement(ref _left) >= 0;

    private sealed class LossyRoute(LossyRelay relay) : Route
    {
        private volatile bool _swallows;

        public override ValueTask<ReadOnlyMemory<byte>?> ToServerAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            // The connection waits for each answer, so a COMMIT is a packet alone.
            if (bytes.Span.SequenceEqual(s_commit) && relay.IsDue())
            {
                _swallows = true;
            }

            return new(bytes);
        }

        public override ValueTask<ReadOnlyMemory<byte>?> ToClientAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            if (!_swallows)
            {
                return new(bytes);
            }

            Interlocked.Increment(ref relay._lost);
            return default;
        }
    }
}
