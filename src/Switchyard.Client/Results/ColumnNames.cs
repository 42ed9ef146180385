namespace Switchyard.Client;

/// <summary>Finds columns by name, without regard to case, as servers and versions differ in the case of their own views' columns.</summary>
internal sealed class ColumnNames(IReadOnlyList<ResultColumn> columns)
{
    public string this[int column] => columns[column].Name;

    /// <exception cref="ArgumentException">There is no such column.</exception>
    public int IndexOf(string name)
    {
        for (var i = 0; i < columns.Count; i++)
        {
            if (string.Equals(columns[i].Name, name, StringComparison.OrdinalIgnoreCase))
            {
                return i;
            }
        }

        throw new ArgumentException($"The result has no column '{name}'; it has {string.Join(", ", columns.Select(column => column.Name))}.", nameof(name));
    }
}
