using System.Buffers.Binary;
using System.Security.Cryptography;
using Switchyard.Client;

namespace Switchyard.Verification;

/// <summary>One cell of a packed row.</summary>
/// <param name="Bytes">The canonical bytes, or their digest; null for NULL.</param>
/// <param name="IsDigest">The value itself is too long to hold.</param>
internal readonly record struct PackedCell(ReadOnlyMemory<byte>? Bytes, bool IsDigest);

/// <summary>
/// A row as one array: for each column four bytes of length (−1 for NULL, −2 for a digest) and the canonical bytes. Key columns come first, so that the
/// key is a prefix, and equality of rows and keys is equality of bytes whatever the collation says.
/// </summary>
internal static class PackedRow
{
    /// <summary>A longer value stands as its digest: its length and its SHA-256, or that of what it means (<see cref="JsonDigest"/>).</summary>
    public const int DigestedFromBytes = 1024 * 1024;

    private const int HeaderSizeBytes = 4;
    private const int NullHeader = -1;
    private const int DigestHeader = -2;
    private const int DigestSizeBytes = sizeof(long) + SHA256.HashSizeInBytes;

    /// <summary>The length of the first <paramref name="columns"/> columns, in bytes.</summary>
    public static int PrefixLength(ReadOnlySpan<byte> row, int columns)
    {
        var at = 0;
        for (var i = 0; i < columns; i++)
        {
            at += HeaderSizeBytes + BodySize(BinaryPrimitives.ReadInt32LittleEndian(row[at..]));
        }

        return at;
    }

    /// <summary>The cells of a row, or of a key.</summary>
    public static List<PackedCell> Split(byte[] row)
    {
        var cells = new List<PackedCell>();
        for (var at = 0; at < row.Length;)
        {
            var header = BinaryPrimitives.ReadInt32LittleEndian(row.AsSpan(at));
            at += HeaderSizeBytes;
            // Not `? null :`, which would become an empty memory through the conversion from arrays.
            cells.Add(new PackedCell(header == NullHeader ? default(ReadOnlyMemory<byte>?) : row.AsMemory(at, BodySize(header)), header == DigestHeader));
            at += BodySize(header);
        }

        return cells;
    }

    /// <summary>Bytes of the value that a digest stands for.</summary>
    public static long DigestedLength(ReadOnlySpan<byte> digest) => BinaryPrimitives.ReadInt64LittleEndian(digest);

    /// <summary>The SHA-256 in a digest.</summary>
    public static ReadOnlySpan<byte> HashOf(ReadOnlySpan<byte> digest) => digest[sizeof(long)..];

    private static int BodySize(int header) => header switch
    {
        NullHeader => 0,
        DigestHeader => DigestSizeBytes,
        _ => header,
    };

    /// <summary>Collects one row's cells.</summary>
    internal sealed class Builder
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private byte[] _buffer = new byte[1024];
        private int _length;

        public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

        public void Clear() => _length = 0;

        public void AddNull()
        {
            Reserve(HeaderSizeBytes);
            BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_length), NullHeader);
            _length += HeaderSizeBytes;
        }

        public void Add(ReadOnlySpan<byte> cell)
        {
            Reserve(HeaderSizeBytes + cell.Length);
            BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(_length), cell.Length);
            cell.CopyTo(_buffer.AsSpan(_length + HeaderSizeBytes));
            _length += HeaderSizeBytes + cell.Length;
        }

        public void AddDigest(ReadOnlyMemory<byte> cell)
        {
            var to = BeginDigest(cell.Length);
            while (!cell.IsEmpty)
            {
                var step = SpilledBytes.TakeStep(ref cell);
                _hash.AppendData(step.Span);
                SpilledBytes.Release(step);
            }

            _hash.GetHashAndReset(to);
        }

        /// <param name="cell">The cell.</param>
        /// <param name="mayRepeat">As <see cref="JsonDigest.Compute"/> has it.</param>
        public void AddJsonDigest(ReadOnlyMemory<byte> cell, bool mayRepeat) => JsonDigest.Compute(cell, mayRepeat).CopyTo(BeginDigest(cell.Length));

        private Span<byte> BeginDigest(long length)
        {
            Reserve(HeaderSizeBytes + DigestSizeBytes);
            var to = _buffer.AsSpan(_length, HeaderSizeBytes + DigestSizeBytes);
            BinaryPrimitives.WriteInt32LittleEndian(to, DigestHeader);
            BinaryPrimitives.WriteInt64LittleEndian(to[HeaderSizeBytes..], length);
            _length += to.Length;
            return to[(HeaderSizeBytes + sizeof(long))..];
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
