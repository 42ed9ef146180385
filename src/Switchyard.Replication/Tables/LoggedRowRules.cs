using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tables;

/// <summary>
/// Whether a table's rows mean the same on the target as they stand in the source's log, so that the target's own row applier can take them as they are.
/// Anything not known for certain goes as SQL.
/// </summary>
internal static class LoggedRowRules
{
    /// <summary>From here on the right to run <c>BINLOG</c> is one of its own.</summary>
    private static readonly Version s_first = new(10, 5);

    /// <summary>A server reads the logs of its own series and of older ones.</summary>
    public static bool Understands(ServerInfo source, ServerInfo target) =>
        source.IsMariaDb && target.IsMariaDb && Series(target) >= s_first && Series(target) >= Series(source);

    public static bool AreAlike(TableDefinition source, TableDefinition target) =>
        target.Engine.Equals("InnoDB", StringComparison.OrdinalIgnoreCase)
        && !source.IsSystemVersioned && !target.IsSystemVersioned
        && source.ToShape().HiddenColumns == 0 && target.ToShape().HiddenColumns == 0
        // The row is found by the primary key alone; by another index the server might compare more than the key.
        && source.Key is { IsPrimary: true } key && target.Key is { IsPrimary: true } other && key.Parts.SequenceEqual(other.Parts)
        && source.Columns.Count == target.Columns.Count && source.Columns.Zip(target.Columns).All(pair => AreAlike(pair.First, pair.Second));

    private static bool AreAlike(ColumnDefinition source, ColumnDefinition target) =>
        IsPlain(source) && IsPlain(target)
        && source.Kind == target.Kind
        && string.Equals(source.Name, target.Name, StringComparison.OrdinalIgnoreCase)
        && string.Equals(source.ColumnType, target.ColumnType, StringComparison.Ordinal)
        && source.IsNullable == target.IsNullable
        && source.CharacterSet == target.CharacterSet && source.Collation == target.Collation
        && source.FractionalDigits == target.FractionalDigits;

    // Generated columns could be computed otherwise; what is compressed, or a type of its own (UUID, INET), has changed its form between versions.
    private static bool IsPlain(ColumnDefinition column) =>
        !column.IsGenerated && !column.IsCompressed && column.Kind is ColumnKind.Integer or ColumnKind.Decimal or ColumnKind.Float or ColumnKind.Double or ColumnKind.Bit or ColumnKind.Year or ColumnKind.Date
            or ColumnKind.Time or ColumnKind.DateTime or ColumnKind.Timestamp or ColumnKind.Enum or ColumnKind.Set or ColumnKind.Text or ColumnKind.Binary or ColumnKind.Geometry;

    private static Version Series(ServerInfo server) => new(server.Version.Major, server.Version.Minor);
}
