using Switchyard.Client;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// The modes by which a statement is read and its values converted, from the bitmap in its event. Strictness is none of them between servers of one
/// vendor: what the source has let through must go through here. Source: <c>sql_mode</c>'s bits in MySQL's sql/system_variables.h and MariaDB's sql/sql_class.h, the same up to bit 31.
/// </summary>
internal static class SqlModes
{
    private static readonly (int Bit, string Name)[] s_common =
    [
        (0, "REAL_AS_FLOAT"), (1, "PIPES_AS_CONCAT"), (2, "ANSI_QUOTES"), (3, "IGNORE_SPACE"), (6, "NO_UNSIGNED_SUBTRACTION"), (19, "NO_AUTO_VALUE_ON_ZERO"), (20, "NO_BACKSLASH_ESCAPES"),
        (25, "ALLOW_INVALID_DATES"), (29, "HIGH_NOT_PRECEDENCE"), (31, "PAD_CHAR_TO_FULL_LENGTH"),
    ];

    private static readonly (int Bit, string Name)[] s_mariaDb = [(9, "ORACLE"), (32, "EMPTY_STRING_IS_NULL"), (33, "SIMULTANEOUS_ASSIGNMENT"), (34, "TIME_ROUND_FRACTIONAL")];

    private static readonly (int Bit, string Name)[] s_mySql = [(32, "TIME_TRUNCATE_FRACTIONAL")];

    /// <summary>The modes' names with commas between, of those that <paramref name="target"/> has.</summary>
    public static string Names(ulong bits, ServerInfo source, ServerInfo target)
    {
        var own = source.IsMariaDb != target.IsMariaDb ? [] : target.IsMariaDb ? s_mariaDb : target.Version.Major >= 8 ? s_mySql : [];
        var names = s_common.Concat(own).Where(m => (bits >> m.Bit & 1) != 0).Select(m => m.Name);
        // What is put in the place of a value that does not fit (NULL in a column that has become NOT NULL) is each vendor's own choice.
        return string.Join(',', source.IsMariaDb == target.IsMariaDb ? names : names.Append("STRICT_ALL_TABLES"));
    }
}
