namespace Switchyard.Sql.Lexing;

/// <summary>A frozen table from ASCII words, compared without case, to small numbers. Looking up does not allocate.</summary>
internal sealed class WordTable
{
    private const int MaxLength = 48;
    private readonly byte[]?[] _words;
    private readonly int[] _values;
    private readonly int _mask;

    public WordTable(IReadOnlyCollection<KeyValuePair<string, int>> entries)
    {
        var size = 16;
        while (size < entries.Count * 4)
        {
            size *= 2;
        }

        _words = new byte[]?[size];
        _values = new int[size];
        _mask = size - 1;
        foreach (var (word, value) in entries)
        {
            var bytes = System.Text.Encoding.ASCII.GetBytes(word.ToUpperInvariant());
            var slot = (int)Fold(bytes) & _mask;
            while (_words[slot] is { } taken && !taken.AsSpan().SequenceEqual(bytes))
            {
                slot = (slot + 1) & _mask;
            }

            _words[slot] = bytes;
            _values[slot] = value;
        }
    }

    /// <summary>The word's number, or 0.</summary>
    public int Find(ReadOnlySpan<byte> word)
    {
        if (word.Length is 0 or > MaxLength)
        {
            return 0;
        }

        var slot = (int)Fold(word) & _mask;
        while (_words[slot] is { } candidate)
        {
            if (candidate.Length == word.Length && EqualsUpper(word, candidate))
            {
                return _values[slot];
            }

            slot = (slot + 1) & _mask;
        }

        return 0;
    }

    private static uint Fold(ReadOnlySpan<byte> word)
    {
        var hash = 2166136261u;
        foreach (var b in word)
        {
            hash = (hash ^ ToUpper(b)) * 16777619u;
        }

        return hash ^ (hash >> 15);
    }

    private static bool EqualsUpper(ReadOnlySpan<byte> word, byte[] upper)
    {
        for (var i = 0; i < word.Length; i++)
        {
            if (ToUpper(word[i]) != upper[i])
            {
                return false;
            }
        }

        return true;
    }

    private static byte ToUpper(byte b) => b is >= (byte)'a' and <= (byte)'z' ? (byte)(b - 32) : b;
}
