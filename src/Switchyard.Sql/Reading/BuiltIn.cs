using Switchyard.Sql.Lexing;

namespace Switchyard.Sql.Reading;

/// <summary>What a word before an opening parenthesis is to the reader.</summary>
internal enum BuiltInKind : byte
{
    /// <summary>Not known: a stored or loadable function.</summary>
    None,

    /// <summary>An operator, a clause or a type; no function at all.</summary>
    Operator,

    /// <summary>An operator behind an operand; anywhere else MariaDB, which does not reserve it, takes it for a stored function.</summary>
    OperatorBehindOperand,

    /// <summary>A function of its arguments, the schema and the clock.</summary>
    Pure,

    /// <summary>As <see cref="Pure"/>, but only without a space before the parenthesis: with one the servers look for a stored function.</summary>
    PureAdjacent,

    /// <summary>GET_LOCK.</summary>
    TakesLock,

    /// <summary>RELEASE_LOCK and RELEASE_ALL_LOCKS.</summary>
    ReleasesLock,

    /// <summary>IS_FREE_LOCK and IS_USED_LOCK.</summary>
    InspectsLock,

    /// <summary>LAST_INSERT_ID.</summary>
    LastInsertId,

    /// <summary>FOUND_ROWS and ROW_COUNT.</summary>
    Diagnostics,

    /// <summary>NEXTVAL, LASTVAL and SETVAL; the first argument names the sequence.</summary>
    Sequence,

    /// <summary>Says something only this server or connection can say, or waits for it.</summary>
    ServerIdentity,
}

/// <summary>
/// The functions each server has had since when, from the vendors' function references. A name a server does not have may be a stored function there,
/// so it counts only where it is known to be built in: erring here only sends a read to the writer.
/// </summary>
internal static partial class BuiltIn
{
    private const int Never = int.MaxValue;
    private static readonly List<Entry> s_entries = [default];
    private static readonly List<string> s_names = [];
    private static readonly WordTable s_table = Build();

    /// <summary>Every name known, whatever server has it.</summary>
    public static IReadOnlyList<string> Names => s_names;

    public static BuiltInKind Find(ReadOnlySpan<byte> name, in ScanOptions options)
    {
        var index = s_table.Find(name);
        if (index == 0)
        {
            return BuiltInKind.None;
        }

        var entry = s_entries[index];
        var (since, until) = options.MariaDb ? (entry.MariaSince, Never) : (entry.MySqlSince, entry.MySqlUntil);
        return (since == 0 || options.ServerVersion >= since) && since != Never && (until == Never || (options.ServerVersion > 0 && options.ServerVersion < until))
            ? entry.IsAdjacentToMariaDb && options.MariaDb ? BuiltInKind.PureAdjacent : entry.Kind
            : BuiltInKind.None;
    }

    private static WordTable Build()
    {
        var words = new List<KeyValuePair<string, int>>();
        void Add(BuiltInKind kind, string names, int mySqlSince = 0, int mariaSince = 0, int mySqlUntil = Never, bool isAdjacentToMariaDb = false)
        {
            foreach (var name in names.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries))
            {
                words.Add(new(name, s_entries.Count));
                s_names.Add(name);
            }

            s_entries.Add(new(kind, mySqlSince, mySqlUntil, mariaSince, isAdjacentToMariaDb));
        }

        Add(BuiltInKind.Operator, Operators);
        Add(BuiltInKind.OperatorBehindOperand, "AGAINST COLUMNS ESCAPE");
        Add(BuiltInKind.Operator, "OVER", 80000);
        Add(BuiltInKind.Operator, "OF", 80017, Never);
        Add(BuiltInKind.Operator, "VECTOR", 90000, 110700);
        Add(BuiltInKind.Pure, Everywhere);
        Add(BuiltInKind.Pure, "POINT", 0, Never); // with one argument a stored function to MariaDB
        Add(BuiltInKind.PureAdjacent, AdjacentOnly);
        Add(BuiltInKind.Pure, RemovedFromMySql80, 0, 0, 80000);
        Add(BuiltInKind.Pure, "MD5 SHA SHA1", 0, 0, 90000);
        Add(BuiltInKind.Pure, Since57, 50700);
        Add(BuiltInKind.Pure, "DATE_FORMAT", isAdjacentToMariaDb: true);
        Add(BuiltInKind.PureAdjacent, "JSON_OBJECTAGG JSON_ARRAYAGG", 50722, 100500);
        Add(BuiltInKind.PureAdjacent, "ST_COLLECT", 80000, Never);
        Add(BuiltInKind.PureAdjacent, "MEDIAN PERCENTILE_CONT PERCENTILE_DISC TRIM_ORACLE", Never, 0);
        Add(BuiltInKind.Pure, "JSON_PRETTY JSON_MERGE_PATCH JSON_MERGE_PRESERVE", 50722, 100500);
        Add(BuiltInKind.Pure, "JSON_STORAGE_SIZE", 50722, Never);
        Add(BuiltInKind.Pure, "ST_SIMPLIFY", 50700, Never);
        Add(BuiltInKind.Pure, "MBREQUALS", 50700);
        Add(BuiltInKind.Pure, "ADD_MONTHS TO_CHAR", Never, 100601);
        Add(BuiltInKind.Pure, "ST_GEOHASH ST_LATFROMGEOHASH ST_LONGFROMGEOHASH ST_POINTFROMGEOHASH ST_VALIDATE ST_ISVALID", 50700, 120000);
        Add(BuiltInKind.Pure, "ST_ASGEOJSON ST_GEOMFROMGEOJSON", 50700, 100500);
        Add(BuiltInKind.Pure, "JSON_DEPTH JSON_KEYS JSON_LENGTH JSON_TYPE JSON_VALID JSON_QUOTE JSON_UNQUOTE JSON_SEARCH", 50700, 100500);
        Add(BuiltInKind.Pure, MySql80, 80000, Never);
        Add(BuiltInKind.Pure, WindowFunctions, 80000, isAdjacentToMariaDb: true);
        Add(BuiltInKind.Pure, "JSON_OVERLAPS", 80017, 100900);
        Add(BuiltInKind.Pure, "JSON_SCHEMA_VALID", 80017, 110100);
        Add(BuiltInKind.Pure, "JSON_SCHEMA_VALIDATION_REPORT", 80017, Never);
        Add(BuiltInKind.Pure, "JSON_VALUE", 80021, 100500);
        Add(BuiltInKind.Pure, "REGEXP_INSTR REGEXP_SUBSTR REGEXP_REPLACE", 80004, 100500);
        Add(BuiltInKind.Pure, "REGEXP_LIKE", 80004, Never);
        Add(BuiltInKind.Pure, "STRING_TO_VECTOR TO_VECTOR VECTOR_TO_STRING FROM_VECTOR VECTOR_DIM", 90000, Never);
        Add(BuiltInKind.Pure, MariaDbBase, Never, 0);
        Add(BuiltInKind.Pure, "SYS_GUID JSON_OBJECT_FILTER_KEYS", Never, 110200);
        Add(BuiltInKind.Pure, "JSON_EQUALS JSON_NORMALIZE", Never, 100700);
        Add(BuiltInKind.Pure, "NATURAL_SORT_KEY SFORMAT", Never, 100700);
        Add(BuiltInKind.Pure, "RANDOM_BYTES", 50617, 101000);
        Add(BuiltInKind.Pure, "CRC32C", Never, 100800);
        Add(BuiltInKind.Pure, "FORMAT_PICO_TIME", 80016, 110000);
        Add(BuiltInKind.Pure, "FORMAT_BYTES", 80016, 110800);
        Add(BuiltInKind.Pure, "KDF", Never, 110300);
        Add(BuiltInKind.Pure, "JSON_KEY_VALUE JSON_ARRAY_INTERSECT JSON_OBJECT_TO_ARRAY", Never, 110200);
        Add(BuiltInKind.Pure, "VEC_DISTANCE VEC_DISTANCE_EUCLIDEAN VEC_DISTANCE_COSINE VEC_FROMTEXT VEC_TOTEXT", Never, 110700);
        Add(BuiltInKind.Pure, "UUID_V4 UUID_V7", Never, 110700);
        Add(BuiltInKind.TakesLock, "GET_LOCK");
        Add(BuiltInKind.ReleasesLock, "RELEASE_LOCK");
        Add(BuiltInKind.ReleasesLock, "RELEASE_ALL_LOCKS", 50700);
        Add(BuiltInKind.InspectsLock, "IS_FREE_LOCK IS_USED_LOCK");
        Add(BuiltInKind.LastInsertId, "LAST_INSERT_ID");
        Add(BuiltInKind.Diagnostics, "FOUND_ROWS ROW_COUNT");
        Add(BuiltInKind.Sequence, "NEXTVAL LASTVAL SETVAL", Never, 0);
        Add(BuiltInKind.ServerIdentity, "CONNECTION_ID VERSION LOAD_FILE MASTER_POS_WAIT UUID_SHORT");
        Add(BuiltInKind.ServerIdentity, ServerFunctionsMySql, 80026, Never);
        Add(BuiltInKind.ServerIdentity, "MASTER_GTID_WAIT BINLOG_GTID_POS DECODE_HISTOGRAM", Never, 0);
        return new WordTable(words);
    }

    private readonly record struct Entry(BuiltInKind Kind, int MySqlSince, int MySqlUntil, int MariaSince, bool IsAdjacentToMariaDb);
}
