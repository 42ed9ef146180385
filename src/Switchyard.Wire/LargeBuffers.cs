using System.Buffers;

namespace Switchyard.Wire;

/// <summary>
/// Where writers and connections have their buffers from. The runtime's shared pool keeps one array of each size for every thread that ever gave one back, and more for each processor, which for sizes of
/// megabytes is memory without a limit; those are kept here, up to <see cref="KeptBytes"/> of all of them together. Safe from any thread.
/// </summary>
public static class LargeBuffers
{
    /// <summary>Longer ones are not the shared pool's.</summary>
    public const int SharedBytes = 256 * 1024;

    /// <summary>What is kept for the next one that asks.</summary>
    public const int KeptBytes = 48 * 1024 * 1024;

    // The runtime lets large objects that nobody refers to be until there are several times as many as are in use.
    private const int UncollectedBytes = 64 * 1024 * 1024;

    // Above it sizes are multiples of it; below they are powers of two.
    private const int StepBytes = 1024 * 1024;

    // Up to here twice the length is not much.
    private const int DoubledBytes = 4 * 1024 * 1024;

    private static readonly Lock s_lock = new();
    private static readonly List<byte[]> s_kept = [];
    private static int s_keptBytes;
    private static long s_madeBytes;

    /// <summary>An array of at least so many bytes, of which nothing is known.</summary>
    public static byte[] Rent(int least)
    {
        if (least <= SharedBytes)
        {
            return ArrayPool<byte>.Shared.Rent(least);
        }

        var size = SizeFor(least);
        lock (s_lock)
        {
            var best = -1;
            for (var i = 0; i < s_kept.Count; i++)
            {
                // One that is far too long would be missing for whoever needs it.
                if (s_kept[i].Length >= size && s_kept[i].Length <= 2L * size && (best < 0 || s_kept[i].Length < s_kept[best].Length))
                {
                    best = i;
                }
            }

            if (best >= 0)
            {
                var kept = s_kept[best];
                s_kept.RemoveAt(best);
                s_keptBytes -= kept.Length;
                return kept;
            }
        }

        if (Interlocked.Add(ref s_madeBytes, size) > UncollectedBytes)
        {
            Interlocked.Exchange(ref s_madeBytes, 0);
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
        }

        return GC.AllocateUninitializedArray<byte>(size);
    }

    /// <summary>Gives an array back, once, when nobody looks at it any more.</summary>
    public static void Return(byte[] buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        if (buffer.Length <= SharedBytes)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            return;
        }

        if (buffer.Length > KeptBytes)
        {
            return;
        }

        lock (s_lock)
        {
            // The oldest go first, so that sizes nobody asks for do not stay.
            var gone = 0;
            for (; s_keptBytes > KeptBytes - buffer.Length; gone++)
            {
                s_keptBytes -= s_kept[gone].Length;
            }

            s_kept.RemoveRange(0, gone);
            s_kept.Add(buffer);
            s_keptBytes += buffer.Length;
        }
    }

    /// <summary>How long to make a writer's buffer that is too short: twice, and a quarter more where that is megabytes.</summary>
    public static int Grown(int length) => (int)Math.Min(Array.MaxLength, length < DoubledBytes ? 2L * length : length + (length / 4L));

    private static int SizeFor(int least) =>
        least > Array.MaxLength - StepBytes ? least
        : least <= StepBytes ? (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)least)
        : (least + StepBytes - 1) / StepBytes * StepBytes;
}
