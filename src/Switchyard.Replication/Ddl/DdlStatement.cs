using Switchyard.Binlog;
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

    /// <summary>RENAME TABLE, ALTER TABLE … RENAME, EXCHANGE PARTITION, CONVERT TABLE, IMPORT TABLESPACE: rows come or go without an event.</summary>
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
    // In sql_mode's bitmap, the same on both vendors.
    private const ulong AnsiQuotes = 1 << 2;
    private const ulong NoBackslashEscapes = 1 << 20;

    /// <summary>CREATE TABLE IF NOT EXISTS: nothing is done where there is one.</summary>
    public bool LeavesExisting { get; init; }

    /// <summary>The schema of names without one.</summary>
    public required string DefaultSchema { get; init; }

    /// <summary>The first table whose rows a <see cref="DdlKind.Change"/> changes; null where it cannot be told.</summary>
    public required TableName? Into { get; init; }

    /// <summary>By itself it changes rows of no other table.</summary>
    public required bool IsIntoAlone { get; init; }

    /// <summary>What has to be looked at before it is run elsewhere.</summary>
    public required DdlTraits Traits { get; init; }

    /// <summary>What kind of statement it is, for people.</summary>
    public required string Verb { get; init; }

    /// <summary>Whether a character set stands somewhere without its collation, so that the server's own choice counts.</summary>
    public bool NamesCharacterSetAlone => Count("CHARSET") + Count("CHARACTER") > Count("COLLATE");

    /// <summary>It may be about a temporary table of the name, one that its session made before the log was read here.</summary>
    public bool MayBeTemporary { get; init; }

    /// <summary>Its character set is not known here, and names in it are not ASCII: it may act on any table.</summary>
    public bool IsUnreadable { get; init; }

    /// <summary>Takes a logged statement apart, as its session read it. Where it can be read in two ways, it names what either does. An ALTER logged in two phases is one where it is done.</summary>
    public static DdlStatement Of(QueryEvent query)
    {
        if (!StatementText.IsForeign(query))
        {
            return Read(query.SqlText);
        }

        var readings = StatementText.ReadForeign(query).Select(Read).ToArray();
        return readings.Length == 0
            ? Read(query.SqlText) with { IsUnreadable = true }
            : readings[0] with
            {
                Names = [.. readings.SelectMany(r => r.Names).Distinct()],
                NewNames = [.. readings.SelectMany(r => r.NewNames).Distinct()],
                Words = [.. readings.SelectMany(r => r.Words)],
                Into = readings.Select(r => r.Into).Distinct().Count() == 1 ? readings[0].Into : null,
            };

        DdlStatement Read(string sql)
        {
            var statement = Parse(sql, query.Schema, query.SqlMode ?? 0);
            return query.AlterPhase == AlterPhase.Done ? statement : statement with { Kind = DdlKind.None };
        }
    }

    /// <param name="sql">The statement.</param>
    /// <param name="defaultSchema">The schema of names without one.</param>
    /// <param name="sqlMode">The session's sql_mode, as the log has it.</param>
    public static DdlStatement Parse(string sql, string defaultSchema, ulong sqlMode) =>
        new DdlParser(DdlTokens.Read(sql, (sqlMode & AnsiQuotes) != 0, (sqlMode & NoBackslashEscapes) == 0), defaultSchema).Parse();

    public bool Has(string word) => Words.Contains(word, StringComparer.OrdinalIgnoreCase);

    private int Count(string word) => Words.Count(w => w.Equals(word, StringComparison.OrdinalIgnoreCase));
}
