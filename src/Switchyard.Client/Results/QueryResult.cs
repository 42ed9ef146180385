namespace Switchyard.Client;

/// <summary>A result set held in memory: for answers known to be small.</summary>
public sealed class QueryResult
{
    internal QueryResult(IReadOnlyList<ResultColumn> columns, IReadOnlyList<QueryRow> rows, OkResult ok)
    {
        Columns = columns;
        Rows = rows;
        Ok = ok;
    }

    /// <summary>Empty when the statement gave no result set.</summary>
    public IReadOnlyList<ResultColumn> Columns { get; }

    public IReadOnlyList<QueryRow> Rows { get; }

    public int RowCount => Rows.Count;

    /// <summary>The end of the statement: warnings, status, affected rows.</summary>
    public OkResult Ok { get; }

    public bool IsNull(int row, int column) => Rows[row].IsNull(column);

    public bool IsNull(int row, string column) => Rows[row].IsNull(column);

    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    public ReadOnlySpan<byte> GetBytes(int row, int column) => Rows[row].GetBytes(column);

    public ReadOnlySpan<byte> GetBytes(int row, string column) => Rows[row].GetBytes(column);

    /// <summary>The value as UTF-8 text.</summary>
    /// <exception cref="InvalidOperationException">The value is NULL.</exception>
    public string GetString(int row, int column) => Rows[row].GetString(column);

    public string GetString(int row, string column) => Rows[row].GetString(column);

    public string? GetStringOrNull(int row, int column) => Rows[row].GetStringOrNull(column);

    public string? GetStringOrNull(int row, string column) => Rows[row].GetStringOrNull(column);

    public long GetInt64(int row, int column) => Rows[row].GetInt64(column);

    public long GetInt64(int row, string column) => Rows[row].GetInt64(column);

    public ulong GetUInt64(int row, int column) => Rows[row].GetUInt64(column);

    public ulong GetUInt64(int row, string column) => Rows[row].GetUInt64(column);
}
