using System.Collections.Immutable;
using Switchyard.Sql.Reading;

namespace Switchyard.Sql;

/// <summary>
/// What has to be known of a query to compare its answers on two servers: which of its rows, in which order, the text itself determines. Immutable.
/// </summary>
public sealed record ReadTraits
{
    /// <summary>Asks for the time of the statement, which <c>SET timestamp</c> decides.</summary>
    public bool UsesClock { get; init; }

    /// <summary>Gives something else each time, or something of this connection: RAND, UUID, SYSDATE, USER and their like.</summary>
    public bool IsVolatile { get; init; }

    /// <summary>The whole result is sorted.</summary>
    public bool HasOrder { get; init; }

    /// <summary>What it is sorted by, when that is names and positions alone; empty otherwise.</summary>
    public ImmutableArray<OrderKey> Order { get; init; } = [];

    /// <summary>The whole result is cut off.</summary>
    public bool HasLimit { get; init; }

    /// <summary>The rows it is cut to, where the text has them as a plain number; null otherwise.</summary>
    public LimitCount? Limit { get; init; }

    /// <summary>A part of it is cut off, so that which rows it is made from may be open.</summary>
    public bool HasInnerLimit { get; init; }

    /// <summary>Has an aggregate or window function whose value depends on the order rows come in: GROUP_CONCAT without ORDER BY, ROW_NUMBER, ANY_VALUE.</summary>
    public bool IsOrderSensitive { get; init; }

    /// <summary>Reads them from a single query. Never throws; what is not understood counts as open.</summary>
    public static ReadTraits Read(ReadOnlySpan<byte> sql, in ScanOptions options) => new ReadTraitsReader(sql, options).Read();
}

/// <summary>One column of an ORDER BY: a name as written, or a position counted from one.</summary>
public readonly record struct OrderKey(string? Name, int Position);

/// <summary>The number of rows in a LIMIT: where it stands in the text, and what it is.</summary>
public readonly record struct LimitCount(int Start, int Length, long Rows);
