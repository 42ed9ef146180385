namespace Switchyard.Sql.Lexing;

/// <summary>The words the reader acts upon; every other word is an identifier to it. Member names are the words in Pascal case.</summary>
internal enum Keyword : ushort
{
    None,
    Aggregate, Algorithm, All, Alter, Analyze, And, As, Atomic, Backup, Begin, Binary, Binlog, By,
    Cache, Call, Cascaded, Case, Chain, Change, Character, Charset, Check, Checksum, Clone, Close, Collate, Column, Columns,
    Commit, Concurrent, Connection, Consistent, Constraint, Convert, Count, Create, Cross, CurrentRole, CurrentUser, Cycle,
    Data, Database, Deallocate, Default, Definer, Delayed, Delete, Desc, Describe, Diagnostics, Distinct, Distinctrow, Do, Drop, Dual,
    Dumpfile, Duplicate, End, Errors, Escape, Event, Except, Exchange, Execute, Exists, Explain, Export, Extended, External,
    False, Fetch, Fields, Flush, For, Force, Foreign, Format, From, Full, Fulltext, Function,
    Get, Global, Grant, Group, Handler, Hard, Having, Help, HighPriority, History,
    If, Ignore, Immediate, Import, In, Index, Indexes, Infile, Inner, Insert, Install, Instance, Intersect, Into, Isolation,
    Join, JsonTable, Key, Keys, Kill, Lateral, Left, Level, Like, Limit, Load, Local, Lock, Locked, Logs, Loop, LowPriority,
    Mode, Names, Natural, Next, No, Not, Nowait, NoWriteToBinlog,
    Of, Off, Offline, Offset, On, Online, Only, Open, Optimize, Option, Or, Order, Outer, Outfile,
    Package, Partition, Partitions, Password, Persist, PersistOnly, Portion, Prepare, Previous, Procedure, Purge,
    Query, Quick, Read, Recover, Recursive, References, Release, Rename, Repair, Repeat, Replace, Replica, Reset, Resignal, Resource, Restart,
    Restrict, Returning, Revoke, Right, Role, Rollback, Rollup, Routine, Row,
    Savepoint, Schema, Security, Select, Sequence, Server, Session, Set, Share, Shared, Show, Shutdown, Signal, Skip, Slave, Snapshot, Soft, Spatial, Sql,
    SqlBigResult, SqlBufferResult, SqlCache, SqlCalcFoundRows, SqlNoCache, SqlSmallResult,
    Start, Statement, Stop, StraightJoin, SystemTime, Table, Tables, Tablesample, Temporary, Ties, To, Transaction, Trigger, True, Truncate,
    Uninstall, Union, Unique, Unlock, Until, Update, Use, User, Using, Value, Values, Vector, Verbose, View, Wait, Warnings, Where, While, Window, With, Work, Write,
    Xa, Xml,
}

internal static class Keywords
{
    private static readonly WordTable s_table = new(Entries());

    public static Keyword Find(ReadOnlySpan<byte> word) => (Keyword)s_table.Find(word);

    private static List<KeyValuePair<string, int>> Entries()
    {
        var entries = new List<KeyValuePair<string, int>>();
        foreach (var keyword in Enum.GetValues<Keyword>())
        {
            if (keyword != Keyword.None)
            {
                entries.Add(new(ToWord(keyword.ToString()), (int)keyword));
            }
        }

        return entries;
    }

    private static string ToWord(string name)
    {
        var word = new System.Text.StringBuilder(name.Length + 4);
        foreach (var c in name)
        {
            if (char.IsAsciiLetterUpper(c) && word.Length > 0)
            {
                word.Append('_');
            }

            word.Append(char.ToUpperInvariant(c));
        }

        return word.ToString();
    }
}
