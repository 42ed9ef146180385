using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Switchyard.Sql.Lexing;

namespace Switchyard.Sql;

/// <summary>
/// The shape of a statement: its text with every literal replaced, lists of literals folded, and whitespace and comments folded to one space;
/// version-gated comments and hints are kept. What the scanner says of a text does not depend on more, save where
/// <see cref="StatementInfo.DependsOnShapeOnly"/> is false.
/// </summary>
public static class StatementShape
{
    /// <summary>Longer shapes are not remembered; bulk inserts of literals fold to a short one.</summary>
    public const int MaxLengthBytes = 4096;

    [ThreadStatic]
    private static byte[]? t_scratch;

    /// <summary>A hash of the shape, the same in every process. Does not allocate.</summary>
    public static ulong Hash(ReadOnlySpan<byte> sql) => Hash(sql, default);

    /// <summary>
    /// A hash of the shape read with these options, the same in every process; of the text itself where it has no shape of at most
    /// <see cref="MaxLengthBytes"/>. Does not allocate.
    /// </summary>
    public static ulong Hash(ReadOnlySpan<byte> sql, in ScanOptions options) => TryRead(sql, options, out var shape) ? HashBytes(shape) : HashBytes(sql);

    /// <summary>
    /// The shape as text for people: no literal of the statement is in it. Null where the text has no short shape, or keeps a gate or a hint, in which
    /// a literal may stand.
    /// </summary>
    public static string? Text(ReadOnlySpan<byte> sql, in ScanOptions options) =>
        TryRead(sql, options, out var shape) && shape.IndexOf("/*"u8) < 0 ? Encoding.UTF8.GetString(shape).Trim() : null;

    /// <summary>The shape's bytes, in a buffer of this thread that the next call overwrites. False when the text has no short shape.</summary>
    internal static bool TryRead(ReadOnlySpan<byte> sql, in ScanOptions options, out ReadOnlySpan<byte> shape)
    {
        var writer = new ShapeWriter(t_scratch ??= new byte[MaxLengthBytes]);
        var lexer = new Lexer(sql, options, GateMode.ByVersion);
        while (!writer.Overflowed)
        {
            var token = lexer.Next();
            var (start, end) = lexer.Kept;
            if (end > 0)
            {
                writer.WriteKept(sql[start..end]);
            }

            if (token.Kind == TokenKind.Invalid)
            {
                break;
            }

            if (token.Kind == TokenKind.End)
            {
                shape = writer.Written;
                return !writer.Overflowed;
            }

            writer.Write(token, sql.Slice(token.Start, token.Length));
        }

        shape = default;
        return false;
    }

    internal static ulong HashBytes(ReadOnlySpan<byte> bytes)
    {
        const ulong Prime = 0x9E3779B97F4A7C15;
        var hash = (ulong)bytes.Length * Prime;
        while (bytes.Length >= 8)
        {
            hash = BitOperations.RotateLeft((hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes)) * Prime, 29);
            bytes = bytes[8..];
        }

        foreach (var b in bytes)
        {
            hash = BitOperations.RotateLeft((hash ^ b) * Prime, 29);
        }

        hash ^= hash >> 32;
        hash *= Prime;
        return hash ^ (hash >> 29);
    }
}
