using Switchyard.Replication.Schema;
using Switchyard.Replication.Values;

namespace Switchyard.Verification;

/// <summary>One column on both sides, and when two of its values are the same.</summary>
/// <remarks>
/// Values are compared as the bytes of the canonical form. Character sets that differ are both converted to utf8mb4; ENUM and SET travel by
/// index, and by name when the two definitions differ.
/// </remarks>
internal sealed class ComparedColumn
{
    private readonly bool _jsonSemantics;
    private readonly bool _zeroHasNoSign;

    public ComparedColumn(ColumnDefinition left, ColumnDefinition right, bool crossVendor, bool readsJsonTypes = false)
    {
        Left = left;
        Right = right;
        ByName = left.Kind is ColumnKind.Enum or ColumnKind.Set && !string.Equals(left.ColumnType, right.ColumnType, StringComparison.OrdinalIgnoreCase);
        Converted = left.Kind == ColumnKind.Text && right.Kind == ColumnKind.Text && !SameCharacterSet(left.CharacterSet, right.CharacterSet);
        _jsonSemantics = left.Kind == ColumnKind.Json || right.Kind == ColumnKind.Json;
        HasJsonTypes = readsJsonTypes && left.Kind == ColumnKind.Json && right.Kind == ColumnKind.Json;
        // MariaDB stores negative zero as zero, so between the vendors the sign of zero cannot be kept by anyone.
        _zeroHasNoSign = crossVendor && left.Kind is ColumnKind.Float or ColumnKind.Double;
    }

    public ColumnDefinition Left { get; }

    public ColumnDefinition Right { get; }

    public string Name => Left.Name;

    /// <summary>Values are converted to utf8mb4 on both sides, because the character sets differ.</summary>
    public bool Converted { get; }

    /// <summary>ENUM or SET with two definitions: compared by name, not by index.</summary>
    public bool ByName { get; }

    /// <summary>JSON on both sides, with the types of its scalars behind the text.</summary>
    public bool HasJsonTypes { get; }

    /// <summary>Whether a packed row that differs in this column's bytes may still be the same row.</summary>
    public bool IsLenient => _jsonSemantics || _zeroHasNoSign;

    /// <summary>Whether values are JSON, on one side at least.</summary>
    public bool ComparesJson => _jsonSemantics;

    /// <summary>Whether only equal bytes are the same value.</summary>
    public bool ComparesBytes => !IsLenient;

    public string Expression(bool left)
    {
        var column = left ? Left : Right;
        return HasJsonTypes ? TypedJson.Expression(column) : Converted || ByName ? $"CONVERT({column.QuotedName} USING utf8mb4)" : column.CanonicalExpression;
    }

    public bool Same(PackedCell left, PackedCell right)
    {
        if (_jsonSemantics && (left.IsDigest || right.IsDigest))
        {
            // Of two texts that mean the same, one can be too long to hold and the other not.
            return left.Bytes is { } a && right.Bytes is { } b && HashOf(a, left.IsDigest).SequenceEqual(HashOf(b, right.IsDigest));
        }

        return left.IsDigest == right.IsDigest && Same(left.Bytes, right.Bytes);
    }

    private static ReadOnlySpan<byte> HashOf(ReadOnlyMemory<byte> bytes, bool isDigest) => isDigest ? PackedRow.HashOf(bytes.Span) : JsonDigest.Compute(bytes, mayRepeat: true);

    public bool Same(ReadOnlyMemory<byte>? left, ReadOnlyMemory<byte>? right)
    {
        if (left is not { } a || right is not { } b)
        {
            return left is null && right is null;
        }

        return a.Span.SequenceEqual(b.Span)
            || (_jsonSemantics && (!HasJsonTypes || TypedJson.AreTypesEqual(a, b)) && JsonEquality.AreEqual(TypedJson.TextOf(a), TypedJson.TextOf(b)))
            || (_zeroHasNoSign && IsZero(a.Span) && IsZero(b.Span));
    }

    /// <summary>utf8 and utf8mb3 are two names of one character set, and different servers print different ones.</summary>
    internal static bool SameCharacterSet(string? a, string? b) =>
        string.Equals(a, b, StringComparison.OrdinalIgnoreCase) || (IsUtf8Mb3(a) && IsUtf8Mb3(b));

    private static bool IsUtf8Mb3(string? name) => name is not null && (name.Equals("utf8", StringComparison.OrdinalIgnoreCase) || name.Equals("utf8mb3", StringComparison.OrdinalIgnoreCase));

    private static bool IsZero(ReadOnlySpan<byte> text) => text.SequenceEqual("0"u8) || text.SequenceEqual("-0"u8);
}
