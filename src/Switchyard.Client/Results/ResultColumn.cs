using System.Text;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client;

/// <summary>A column of a result set.</summary>
/// <param name="Name">Alias in the statement.</param>
/// <param name="Type">Protocol type.</param>
/// <param name="Flags">Column flags.</param>
/// <param name="Collation">Collation id; 63 is binary.</param>
/// <param name="Length">Longest value in bytes.</param>
/// <param name="Decimals">Fractional digits; 31 for floating point of any scale.</param>
public sealed record ResultColumn(string Name, ColumnType Type, ColumnFlags Flags, ushort Collation, uint Length, byte Decimals)
{
    public string Schema { get; init; } = "";

    /// <summary>Alias of the table.</summary>
    public string Table { get; init; } = "";

    public string OriginalTable { get; init; } = "";

    public string OriginalName { get; init; } = "";

    public bool IsUnsigned => (Flags & ColumnFlags.Unsigned) != 0;

    internal static ResultColumn From(in ColumnDefinitionPayload column) =>
        new(Encoding.UTF8.GetString(column.Name), column.Type, column.Flags, column.Collation, column.Length, column.Decimals)
        {
            Schema = Encoding.UTF8.GetString(column.Schema),
            Table = Encoding.UTF8.GetString(column.Table),
            OriginalTable = Encoding.UTF8.GetString(column.OriginalTable),
            OriginalName = Encoding.UTF8.GetString(column.OriginalName),
        };
}
