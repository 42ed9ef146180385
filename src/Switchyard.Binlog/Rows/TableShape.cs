using System.Collections.Immutable;

namespace Switchyard.Binlog;

/// <summary>Types MariaDB logs as plain fixed bytes and prints as text.</summary>
public enum TextForm
{
    None,
    Uuid,
    Inet4,
    Inet6,
}

/// <summary>What the schema knows of a column and the binary log does not say.</summary>
public sealed record ColumnShape
{
    /// <summary>The column's name, for messages.</summary>
    public required string Name { get; init; }

    /// <summary>UNSIGNED: the log holds the same bits either way.</summary>
    public bool IsUnsigned { get; init; }

    /// <summary>BINARY(n): the log strips trailing zero bytes, and they are put back up to n.</summary>
    public bool IsBinaryFixed { get; init; }

    /// <summary>Generated: may be missing from a row image.</summary>
    public bool IsGenerated { get; init; }

    /// <summary>Fractional digits the schema gives a temporal column. Old temporal formats do not log them.</summary>
    public int FractionalDigits { get; init; }

    /// <summary>MySQL's JSON: the cell tells of each scalar what its text does not, as in <see cref="JsonTypes"/>.</summary>
    public bool KeepsJsonTypes { get; init; }

    /// <summary>MariaDB UUID and INET types.</summary>
    public TextForm TextForm { get; init; }
}

/// <summary>What the schema knows of a table's columns, in the table's order.</summary>
/// <param name="columns">One per column of the table, generated and invisible ones included.</param>
/// <param name="hiddenColumns">Columns the server keeps for itself after those, such as the hashes of MariaDB's unique keys over long values.</param>
public sealed class TableShape(ImmutableArray<ColumnShape> columns, int hiddenColumns = 0)
{
    internal static readonly ColumnShape Hidden = new() { Name = "(hidden)", IsGenerated = true };

    /// <summary>One per column of the table, generated and invisible ones included.</summary>
    public ImmutableArray<ColumnShape> Columns { get; } = columns;

    /// <summary>Columns the server keeps for itself; they come last in the log and are dropped.</summary>
    public int HiddenColumns { get; } = hiddenColumns;

    /// <summary>The columns a row image has in the log.</summary>
    public int LoggedColumns => Columns.Length + HiddenColumns;

    internal ColumnShape At(int index) => index < Columns.Length ? Columns[index] : Hidden;
}

/// <summary>A rows event has other columns than the schema says: the definition changed and has to be read again.</summary>
public sealed class TableShapeMismatchException(string message) : Exception(message);
