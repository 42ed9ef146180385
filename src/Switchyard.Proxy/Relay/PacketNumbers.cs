namespace Switchyard.Proxy.Relay;

/// <summary>
/// Numbers an answer's packets as its client expects them. Servers number on from the command, and what a leg is told in other words than the client's can take a
/// packet more, or less, where it is about 16 MB long.
/// </summary>
/// <param name="shift">What is added to each number.</param>
internal sealed class PacketNumbers(byte shift)
{
    private const int LengthBytes = 3;

    private int _headerBytes;
    private int _length;
    private int _left;

    /// <summary>The next bytes of the answer, cut at any place.</summary>
    public void Shift(Span<byte> bytes)
    {
        for (var at = 0; at < bytes.Length;)
        {
            if (_left > 0)
            {
                var skipped = Math.Min(_left, bytes.Length - at);
                at += skipped;
                _left -= skipped;
            }
            else if (_headerBytes < LengthBytes)
            {
                _length |= bytes[at++] << (8 * _headerBytes++);
            }
            else
            {
                bytes[at] += shift;
                at++;
                _left = _length;
                (_length, _headerBytes) = (0, 0);
            }
        }
    }
}
