using Switchyard.Binlog;

namespace Switchyard.Replication.Schema;

/// <summary>What the binary log decoder needs to know of a table, taken from its definition.</summary>
public static class TableShapes
{
    /// <summary>The decoder's view of a table.</summary>
    /// <param name="table">The table.</param>
    /// <param name="keepsJsonTypes">Which of its columns give what JSON's text does not show; null for none.</param>
    public static TableShape ToShape(this TableDefinition table, Func<ColumnDefinition, bool>? keepsJsonTypes = null) =>
        new([.. table.Columns.Select(c => ToShape(c) with { KeepsJsonTypes = keepsJsonTypes?.Invoke(c) ?? false })], HiddenColumns(table));

    /// <summary>MariaDB keeps a unique key over long values by a hash in a column of its own; MEMORY tables have real hash indexes.</summary>
    private static int HiddenColumns(TableDefinition table) =>
        string.Equals(table.Engine, "MEMORY", StringComparison.OrdinalIgnoreCase) ? 0 : table.Indexes.Count(i => i.Kind == IndexKind.Hash);

    private static ColumnShape ToShape(ColumnDefinition column) => new()
    {
        Name = column.Name,
        IsUnsigned = column.IsUnsigned,
        IsBinaryFixed = column.Kind == ColumnKind.Binary && string.Equals(column.DataType, "binary", StringComparison.OrdinalIgnoreCase),
        IsGenerated = column.IsGenerated,
        FractionalDigits = column.FractionalDigits,
        TextForm = column.DataType switch
        {
            "uuid" => TextForm.Uuid,
            "inet4" => TextForm.Inet4,
            "inet6" => TextForm.Inet6,
            _ => TextForm.None,
        },
    };
}
