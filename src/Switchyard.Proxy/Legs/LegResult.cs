using System.Globalization;
using System.Text;
using Switchyard.Wire;

namespace Switchyard.Proxy.Legs;

/// <summary>The answer to a hidden query: a handful of values, held in memory.</summary>
internal sealed class LegResult
{
    public List<LegColumn> Columns { get; } = [];

    public List<byte[]?[]> Rows { get; } = [];

    public bool IsNull(int row, int column) => Rows[row][column] is null;

    /// <summary>The value as text; null for NULL.</summary>
    public string? Text(int row, int column) => Rows[row][column] is { } bytes ? Encoding.UTF8.GetString(bytes) : null;

    public long Int64(int row, int column) => long.Parse(Text(row, column)!, CultureInfo.InvariantCulture);
}

/// <summary>Type of a hidden query's column.</summary>
internal readonly record struct LegColumn(ColumnType Type, ColumnFlags Flags)
{
    public bool IsInteger => Type is ColumnType.Tiny or ColumnType.Short or ColumnType.Int24 or ColumnType.Long or ColumnType.LongLong or ColumnType.Year;

    public bool IsUnsigned => (Flags & ColumnFlags.Unsigned) != 0;

    public bool IsFloating => Type is ColumnType.Double or ColumnType.Float;

    public bool IsDecimal => Type is ColumnType.NewDecimal or ColumnType.Decimal;
}
