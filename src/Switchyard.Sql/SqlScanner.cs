using System.Collections.Immutable;

namespace Switchyard.Sql;

/// <summary>Reads SQL text of MySQL and MariaDB far enough to route it and to follow its session. No I/O; never throws; time linear in the text.</summary>
public static class SqlScanner
{
    /// <summary>What is known of the text. Allocates; go through <see cref="StatementCache"/> on a busy path.</summary>
    public static StatementInfo Scan(ReadOnlySpan<byte> sql, in ScanOptions options) => StatementInfo.NotUnderstood;

    /// <summary>
    /// The assignments of a text that is a single SET statement and was understood to its end; false (and an empty list) for anything else.
    /// Spans of values are offsets in <paramref name="sql"/>.
    /// </summary>
    public static bool TryReadSetAssignments(ReadOnlySpan<byte> sql, in ScanOptions options, out ImmutableArray<SetAssignment> assignments)
    {
        assignments = [];
        return false;
    }

    /// <summary>The text of a string literal, unescaped, as UTF-8; null when <paramref name="literal"/> is not one plain string literal.</summary>
    public static string? DecodeString(ReadOnlySpan<byte> literal, in ScanOptions options) => null;
}
