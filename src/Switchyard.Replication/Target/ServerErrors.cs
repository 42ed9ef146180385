using Switchyard.Client;

namespace Switchyard.Replication.Target;

/// <summary>Which of a server's errors mean what. Numbers: MySQL mysqld_error / MariaDB errmsg, the same on both where both have them.</summary>
internal static class ServerErrors
{
    public const int LockWaitTimeout = 1205;

    /// <summary>The account lacks a global privilege.</summary>
    public const int SpecificAccessDenied = 1227;

    /// <summary>The transaction lost against another and can be run again as it is: deadlock, lock wait, MariaDB's "record has changed".</summary>
    public static bool IsTransactionConflict(ServerErrorException e) => e.Code is 1205 or 1213 or 1020 or 1412 or 1614;

    /// <summary>The server is going, coming, busy or cut the connection: another connection may work later.</summary>
    public static bool IsTransient(ServerErrorException e) =>
        e.Code is 1040 or 1053 or 1077 or 1079 or 1080 or 1158 or 1159 or 1160 or 1161 or 1184 or 1203 or 1317 or 1927 or 2006 or 2013 or 3168 or 3169 or 4031;

    /// <summary>Trying again may do: the connection broke, the server is not there, or the transaction lost against another.</summary>
    public static bool IsPassing(Exception e) =>
        e is BackendUnavailableException || (e is ServerErrorException server && (IsTransient(server) || IsTransactionConflict(server)));

    /// <summary>The statement names a column, table or index that is not there (any more): the definition is not the one it was written for.</summary>
    public static bool IsDefinitionChange(ServerErrorException e) => e.Code is 1049 or 1054 or 1146 or 1176;

    /// <summary>A table, view, routine, trigger or event is not there: when it was listed a moment ago, it was dropped since.</summary>
    public static bool IsGone(ServerErrorException e) => e.Code is 1146 or 1305 or 1360 or 1539;

    /// <summary>An event of the log is longer than a server sends: more than 1 GB. So it stays.</summary>
    public static bool IsEventTooLong(ServerErrorException e) => e.Code == 1236 && e.ServerMessage.Contains("exceeded max_allowed_packet", StringComparison.Ordinal);

    /// <summary>A file of the log ends in the middle of an event.</summary>
    public static bool IsLogTorn(ServerErrorException e) => e.Code == 1236 && e.ServerMessage.Contains("truncated in the middle of event", StringComparison.Ordinal);

    public static bool IsDuplicateKey(ServerErrorException e) => e.Code is 1062 or 1586 or 1022;
}
