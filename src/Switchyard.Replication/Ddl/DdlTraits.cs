namespace Switchyard.Replication.Ddl;

/// <summary>What in a statement makes another table of it elsewhere, or one that cannot be followed.</summary>
/// <param name="Engine">The engine other than InnoDB that it names; null for none.</param>
/// <param name="KeepsHistory">It makes the table keep its rows' history, or a period of them.</param>
/// <param name="AddsNumbers">It adds a column whose values the server counts.</param>
/// <param name="AddsInvented">The function that gives an added column's values, another one each time; null for none.</param>
internal sealed record DdlTraits(string? Engine, bool KeepsHistory, bool AddsNumbers, string? AddsInvented)
{
    private static readonly string[] s_inventing =
    [
        "UUID", "UUID_SHORT", "UUID_V4", "UUID_V7", "SYS_GUID", "RAND", "RANDOM_BYTES", "SYSDATE", "CONNECTION_ID", "LAST_INSERT_ID", "NEXTVAL", "LASTVAL", "SETVAL",
        "USER", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "CURRENT_ROLE", "VERSION",
    ];

    // Named without an equals sign, an engine can only be told from a column's type by being known; in brackets, as of a partition, from what a column of that name is compared with.
    private static readonly string[] s_engines =
    [
        "MYISAM", "ARIA", "MEMORY", "HEAP", "ARCHIVE", "CSV", "MERGE", "MRG_MYISAM", "BLACKHOLE", "FEDERATED", "SPIDER", "CONNECT", "ROCKSDB", "TOKUDB", "NDB", "NDBCLUSTER", "COLUMNSTORE", "MROONGA", "S3",
    ];

    public static DdlTraits Of(IReadOnlyList<DdlToken> tokens)
    {
        string? engine = null, invented = null;
        var (adds, history, numbers) = (false, false, false);
        var depth = 0;
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            depth += token.IsPunctuation('(') ? 1 : token.IsPunctuation(')') ? -1 : 0;
            adds |= token.Is("ADD");
            history |= token.Is("VERSIONING") || (token.Is("PERIOD") && Next(1)?.Is("FOR") == true);
            numbers |= adds && token.Is("AUTO_INCREMENT") && Next(1)?.IsPunctuation('=') != true;
            if (adds && ((s_inventing.Any(token.Is) && (Next(1)?.IsPunctuation('(') == true || token.Is("CURRENT_USER"))) || (token.Is("NEXT") && Next(1)?.Is("VALUE") == true)))
            {
                invented ??= token.Text.ToUpperInvariant();
            }

            if (token.Is("ENGINE"))
            {
                var isSaid = Next(1)?.IsPunctuation('=') == true;
                var name = Next(isSaid ? 2 : 1);
                engine ??= name is { } n && (n.IsWord || n.IsLiteral) && !Names(n, "INNODB") && ((isSaid && depth == 0) || s_engines.Any(e => Names(n, e))) ? n.Text : null;
            }

            DdlToken? Next(int places) => i + places < tokens.Count ? tokens[i + places] : null;
        }

        return new DdlTraits(engine, history, numbers, invented);
    }

    // In quotes of whatever kind, or in none.
    private static bool Names(DdlToken token, string engine) => token.Text.Equals(engine, StringComparison.OrdinalIgnoreCase);
}
