using System.Buffers.Binary;

namespace Switchyard.Verification;

/// <summary>
/// A row as one array: for each column four bytes of length (−1 for NULL) and the canonical bytes. Key columns come first, so that the
/// key is a prefix, and equality of rows and keys is equality of bytes whatever the collation says.
/// </summary>
internal static class PackedRow
{
    private const int HeaderSizeBytes = 4;

    /// <summary>The length of the first <paramref name="columns"/> columns, in bytes.</summary>
    public static int PrefixLength(ReadOnlySpan<byte> row, int columns)
    {
        var at = 0;
        for (var i = 0; i < columns; i++)
        {
            at += HeaderSizeBytes + Math.Max(0, BinaryPrimitives.ReadInt32LittleEndian(row[at..]));
        }

        return at;
    }

    /// <summary>The cells of a row, or of a key; an element is null for NULL.</summary>
    public static List<ReadOnlyMemory<byte>?> Split(byte[] row)
    {
        var cells = new List<ReadOnlyMemory<byte>?>();
        for (var at = 0; at < row.Length;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(row.AsSpan(at));
            at += HeaderSizeBytes;
            // Not `? null :`, which would become an empty memory through the conversion from arrays.
            cells.Add(length < 0 ? default(ReadOnlyMemory<byte>?) : row.AsMemory(at, length));
            at += Math.Max(0, length);
        }

        return cells;
    }

    /// <summary>Collects one row's cells.</summary>
    internal sealed class Builder
    {
        private byte[] _buffer = new byte[1024];
        private int _length;

        public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

        public void Clear() => _length = 0;

        public void AddNull()
        {
            Reserve(HeaderSizeBytes);
            BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_length), -1);
            _length += HeaderSizeBytes;
        }

        public void Add(ReadOnlySpan<byte> cell)
        {
            Reserve(HeaderSizeBytes + cell.Length);
            BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_length), cell.Length);
            cell.CopyTo(_buffer.AsSpan(_length + HeaderSizeBytes));
            _length += HeaderSizeBytes + cell.Length;
        }

        private void Reserve(int more)
        {
            if (_buffer.Length - _length < more)
            {
                Array.Resize(ref _buffer, Math.Max(checked(_length + more), (int)Math.Min(Array.MaxLength, 2L * _buffer.Length)));
            }
        }
    }

    /// <summary>Compares packed rows or keys by their bytes, and finds them by a span without an allocation.</summary>
    internal sealed class ByteComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static ByteComparer Instance { get; } = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = new HashCode();
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
