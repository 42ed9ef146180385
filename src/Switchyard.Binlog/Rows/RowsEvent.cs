namespace Switchyard.Binlog;

/// <summary>What a rows event does.</summary>
public enum RowsKind
{
    Write,
    Update,
    Delete,
}

/// <summary>Flags of a rows event. Source: MySQL rows_event.h, Rows_event::enum_flag.</summary>
[Flags]
public enum RowsFlags : ushort
{
    None = 0,

    /// <summary>Last rows event of its statement.</summary>
    StatementEnd = 1,

    /// <summary>The session had foreign_key_checks=0.</summary>
    NoForeignKeyChecks = 2,

    /// <summary>The session had unique_checks=0.</summary>
    RelaxedUniqueChecks = 4,

    /// <summary>Every column is in the image.</summary>
    CompleteRows = 8,
}

/// <summary>
/// Row changes of one table. The raw rows are valid until the next read from the reader that produced the event: decode (or drop) the event
/// before that. Decoded rows own their memory.
/// </summary>
public sealed class RowsEvent : BinlogEvent
{
    /// <summary>The table and its physical column types.</summary>
    public required TableMapEvent Table { get; init; }

    /// <summary>Insert, update or delete.</summary>
    public required RowsKind Kind { get; init; }

    /// <summary>Flags of the event.</summary>
    public required RowsFlags RowsFlags { get; init; }

    /// <summary>The session had foreign_key_checks=0.</summary>
    public bool NoForeignKeyChecks => (RowsFlags & RowsFlags.NoForeignKeyChecks) != 0;

    /// <summary>Last rows event of its statement.</summary>
    public bool EndsStatement => (RowsFlags & RowsFlags.StatementEnd) != 0;

    /// <summary>Which columns the before image holds (the only image of a delete), one bit per column.</summary>
    internal ReadOnlyMemory<byte> BeforeColumns { get; set; }

    /// <summary>Which columns the after image holds, one bit per column.</summary>
    internal ReadOnlyMemory<byte> AfterColumns { get; set; }

    /// <summary>The row images, uncompressed.</summary>
    internal ReadOnlyMemory<byte> Data { get; set; }

    /// <summary>Whether <see cref="Data"/> belongs to the event alone, so that decoded cells may point into it.</summary>
    internal bool OwnsData { get; set; }

    /// <summary>MySQL 8 prints whole JSON doubles as 1.0, MySQL 5.7 as 1.</summary>
    internal bool JsonDoublesKeepPoint { get; init; } = true;

    /// <summary>Bytes of the row images, uncompressed.</summary>
    public int DataBytes => Data.Length;

    /// <summary>Whether every image holds every column of the table.</summary>
    public bool HasEveryColumn => (Kind == RowsKind.Write || IsFull(BeforeColumns.Span)) && (Kind == RowsKind.Delete || IsFull(AfterColumns.Span));

    /// <summary>Bytes of the event that are valid only until the next read, which is what <see cref="MoveTo"/> moves.</summary>
    public int BorrowedBytes => BeforeColumns.Length + AfterColumns.Length + (OwnsData ? 0 : Data.Length);

    /// <summary>Moves what is valid only until the next read into other memory, so that the event lasts as long as that does.</summary>
    /// <param name="memory">At least <see cref="BorrowedBytes"/>.</param>
    public void MoveTo(Memory<byte> memory)
    {
        BeforeColumns = Move(BeforeColumns, ref memory);
        AfterColumns = Move(AfterColumns, ref memory);
        if (!OwnsData)
        {
            Data = Move(Data, ref memory);
            OwnsData = true;
        }
    }

    private static ReadOnlyMemory<byte> Move(ReadOnlyMemory<byte> bytes, ref Memory<byte> to)
    {
        var moved = to[..bytes.Length];
        bytes.CopyTo(moved);
        to = to[bytes.Length..];
        return moved;
    }

    /// <summary>Decodes every row into canonical cells, which have memory of their own.</summary>
    /// <param name="shape">What the schema knows about the columns and the log does not.</param>
    /// <exception cref="UnsupportedEventException">The image is not full, or a column's type is not understood.</exception>
    /// <exception cref="TableShapeMismatchException">The log's columns are not those of the shape.</exception>
    /// <exception cref="BinlogFormatException">The bytes are damaged.</exception>
    public IReadOnlyList<RowChange> DecodeRows(TableShape shape) => RowsDecoder.Decode(this, shape);

    private bool IsFull(ReadOnlySpan<byte> bitmap)
    {
        for (var i = 0; i < Table.ColumnCount; i++)
        {
            if ((bitmap[i >> 3] & (1 << (i & 7))) == 0)
            {
                return false;
            }
        }

        return true;
    }
}
