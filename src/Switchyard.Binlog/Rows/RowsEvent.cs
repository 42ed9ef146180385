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
    internal ReadOnlyMemory<byte> BeforeColumns { get; init; }

    /// <summary>Which columns the after image holds, one bit per column.</summary>
    internal ReadOnlyMemory<byte> AfterColumns { get; init; }

    /// <summary>The row images, uncompressed.</summary>
    internal ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>Whether <see cref="Data"/> belongs to the event alone, so that decoded cells may point into it.</summary>
    internal bool OwnsData { get; init; }

    /// <summary>MySQL 8 prints whole JSON doubles as 1.0, MySQL 5.7 as 1.</summary>
    internal bool JsonDoublesKeepPoint { get; init; } = true;

    /// <summary>Bytes of the row images, uncompressed.</summary>
    public int DataBytes => Data.Length;

    /// <summary>Whether every image holds every column of the table.</summary>
    public bool HasEveryColumn => (Kind == RowsKind.Write || IsFull(BeforeColumns.Span)) && (Kind == RowsKind.Delete || IsFull(AfterColumns.Span));

    /// <summary>The same event with memory of its own, which outlives the next read. Rows decoded from it point into that memory.</summary>
    public RowsEvent ToOwned() => new()
    {
        Type = Type,
        Timestamp = Timestamp,
        ServerId = ServerId,
        Flags = Flags,
        Position = Position,
        Table = Table,
        Kind = Kind,
        RowsFlags = RowsFlags,
        BeforeColumns = BeforeColumns.ToArray(),
        AfterColumns = AfterColumns.ToArray(),
        Data = OwnsData ? Data : Data.ToArray(),
        OwnsData = true,
        JsonDoublesKeepPoint = JsonDoublesKeepPoint,
    };

    /// <summary>Decodes every row into canonical cells.</summary>
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
