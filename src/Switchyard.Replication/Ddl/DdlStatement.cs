using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Ddl;

internal enum DdlKind
{
    /// <summary>Nothing that changes tables: accounts, routines, views, triggers, temporary tables, maintenance.</summary>
    None,

    /// <summary>ALTER TABLE, CREATE and DROP INDEX.</summary>
    Alter,

    /// <summary>CREATE TABLE.</summary>
    Create,

    /// <summary>DROP TABLE.</summary>
    Drop,

    /// <summary>TRUNCATE TABLE.</summary>
    Truncate,

    /// <summary>RENAME TABLE, ALTER TABLE … RENAME, EXCHANGE PARTITION: rows change tables.</summary>
    Rename,

    /// <summary>CREATE, ALTER or DROP DATABASE.</summary>
    Database,

    /// <summary>Rows changed, logged as a statement.</summary>
    Change,

    /// <summary>Run by the stream of the opposite direction: definitions are other ones now, and that is all.</summary>
    Own,

    /// <summary>SAVEPOINT or ROLLBACK TO inside a transaction.</summary>
    Savepoint,
}

/// <summary>What a logged statement does to which tables, as far as replication has to know.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Names">Tables it acts on (schema only for <see cref="DdlKind.Database"/>).</param>
/// <param name="NewNames">Tables that come into being or take rows over, by RENAME, LIKE or EXCHANGE.</param>
/// <param name="Words">Every identifier, for statements that are not taken apart.</param>
internal sealed record DdlStatement(DdlKind Kind, IReadOnlyList<TableName> Names, IReadOnlyList<TableName> NewNames, IReadOnlyList<string> Words)
{
    public static DdlStatement Parse(string sql, string defaultSchema, bool ansiQuotes) =>
        new DdlParser(DdlTokens.Read(sql, ansiQuotes), defaultSchema).Parse();
}
