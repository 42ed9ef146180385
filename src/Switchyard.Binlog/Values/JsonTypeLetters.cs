using System.Buffers;

namespace Switchyard.Binlog.Values;

/// <summary>
/// The letters of a document's scalars (<see cref="JsonTypes"/>), which nearly always are all plain and then are not needed: they are written from the first one on that is not.
/// </summary>
/// <param name="open">Makes what they are written to.</param>
internal sealed class JsonTypeLetters(Func<IBufferWriter<byte>> open)
{
    private long _plain;

    /// <summary>What they were written to; null while all are plain.</summary>
    internal IBufferWriter<byte>? Written { get; private set; }

    internal void Add(byte letter)
    {
        if (Written is null)
        {
            if (letter == JsonTypes.Plain)
            {
                _plain++;
                return;
            }

            Written = open();
            while (_plain > 0)
            {
                var span = Written.GetSpan();
                var count = (int)Math.Min(_plain, span.Length);
                span[..count].Fill(JsonTypes.Plain);
                Written.Advance(count);
                _plain -= count;
            }
        }

        Written.GetSpan(1)[0] = letter;
        Written.Advance(1);
    }
}
