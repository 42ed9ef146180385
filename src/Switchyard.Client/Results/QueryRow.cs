using System.Buffers.Text;
using System.Text;

namespace Switchyard.Client;

/// <summary>One row of a <see cref="QueryResult"/>. Values are text, as the server prints them.</summary>
public sealed class QueryRow
{
    private readonly ColumnNames _names;
    private readonly byte[] _bytes;

    // Column i lies at [_ends[i-1], _ends[i]); a NULL has the complement of its (empty) end.
    private readonly int[] _ends;

    internal QueryRow(ColumnNames names, byte[] bytes, int[] ends)
    {
        _names = names;
        _bytes = bytes;
        _ends = ends;
    }

    public int Count => _ends.Length;

    public bool IsNull(int column) => _ends[column] < 0;

    public bool IsNull(string column) => IsNull(_names.IndexOf(column));

    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    public ReadOnlySpan<byte> GetBytes(int column)
    {
        var end = _ends[column];
        if (end < 0)
        {
            throw new InvalidOperationException($"Column {_names[column]} is NULL in this row.");
        }

        var start = column == 0 ? 0 : _ends[column - 1];
        return _bytes.AsSpan((start < 0 ? ~start : start)..end);
    }

    public ReadOnlySpan<byte> GetBytes(string column) => GetBytes(_names.IndexOf(column));

    public string GetString(int column) => Encoding.UTF8.GetString(GetBytes(column));

    public string GetString(string column) => GetString(_names.IndexOf(column));

    public string? GetStringOrNull(int column) => IsNull(column) ? null : GetString(column);

    public string? GetStringOrNull(string column) => GetStringOrNull(_names.IndexOf(column));

    /// <exception cref="FormatException">The value is not a whole number in range.</exception>
    public long GetInt64(int column)
    {
        var bytes = GetBytes(column);
        return Utf8Parser.TryParse(bytes, out long value, out var used) && used == bytes.Length ? value : throw NotANumber(column);
    }

    public long GetInt64(string column) => GetInt64(_names.IndexOf(column));

    /// <exception cref="FormatException">The value is not a whole number in range.</exception>
    public ulong GetUInt64(int column)
    {
        var bytes = GetBytes(column);
        return Utf8Parser.TryParse(bytes, out ulong value, out var used) && used == bytes.Length ? value : throw NotANumber(column);
    }

    public ulong GetUInt64(string column) => GetUInt64(_names.IndexOf(column));

    private FormatException NotANumber(int column) => new($"Column {_names[column]} does not hold a whole number in range.");
}
