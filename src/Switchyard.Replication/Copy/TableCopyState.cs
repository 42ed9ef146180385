using Switchyard.Binlog;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Copy;

/// <summary>What the target holds of a row's place: decides how a change to it is applied.</summary>
internal enum Place
{
    /// <summary>Copied: the row is there exactly as the source had it.</summary>
    Copied,

    /// <summary>Begun and not copied, or not to be judged here: the row may or may not be there.</summary>
    Uncertain,

    /// <summary>Not copied and not begun: changes are dropped.</summary>
    Absent,
}

/// <summary>
/// How far the copy of one table is, as the applier sees it. Owned by the applier: read and changed between and during its transactions only.
/// </summary>
internal sealed class TableCopyState(TablePlan table)
{
    private readonly List<Chunk> _active = [];
    private readonly Dictionary<ulong, KeyRange> _begun = [];

    public TablePlan Table { get; set; } = table;

    public RangeSet Copied { get; } = new();

    /// <summary>Something of the table may be on the target. Before that every change is dropped.</summary>
    public bool HasBegun { get; set; }

    public IReadOnlyList<Chunk> Active => _active;

    /// <summary>Whether ranges are compared here; otherwise every change of a table that has begun is applied.</summary>
    public bool JudgesRanges => Table.Codec.IsOrdered;

    /// <summary>Changes to a range are applied from here on until it is copied, whether or not a chunk tracks it: what they have brought stays true.</summary>
    public void Begin(ulong number, KeyRange range)
    {
        HasBegun = true;
        if (JudgesRanges)
        {
            _begun[number] = range;
        }
    }

    public void Open(Chunk chunk)
    {
        Begin(chunk.Number, chunk.Range);
        _active.Add(chunk);
    }

    public void Close(Chunk chunk, bool copied)
    {
        chunk.State = ChunkState.Closed;
        _active.Remove(chunk);
        if (copied && JudgesRanges)
        {
            _begun.Remove(chunk.Number);
            Copied.Add(chunk.Range);
            if (chunk.Rest is { } rest)
            {
                Begin(rest.Number, rest.Range);
            }
        }
    }

    /// <summary>
    /// The place of a key. When uncertain, <paramref name="chunk"/> is the chunk in flight there, or null: where ranges are judged none is, otherwise it may be any.
    /// </summary>
    public Place PlaceOf(ReadOnlySpan<byte> key, out Chunk? chunk)
    {
        chunk = null;
        if (!HasBegun)
        {
            return Place.Absent;
        }

        if (!JudgesRanges)
        {
            return Place.Uncertain;
        }

        foreach (var candidate in _active)
        {
            if (candidate.Range.Contains(key))
            {
                chunk = candidate;
                return Place.Uncertain;
            }
        }

        if (Copied.Contains(key))
        {
            return Place.Copied;
        }

        foreach (var range in _begun.Values)
        {
            if (range.Contains(key))
            {
                return Place.Uncertain;
            }
        }

        return Place.Absent;
    }

    /// <summary>The chunk whose insert a change to this key has to wait for, if any.</summary>
    public Chunk? Blocking(RowImage row)
    {
        if (_active.Count == 0 || !row.IsPresent)
        {
            return null;
        }

        byte[]? key = null;
        foreach (var chunk in _active)
        {
            if (chunk.State == ChunkState.Inserting && (!JudgesRanges || chunk.Range.Contains(key ??= Table.EncodedKeyOf(row))))
            {
                return chunk;
            }
        }

        return null;
    }
}
