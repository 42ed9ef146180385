using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using Switchyard.Binlog;

namespace Switchyard.Replication.Apply;

/// <summary>
/// An XA transaction's changes, in the log at its XA PREPARE and real only at its XA COMMIT. What is too large to keep, or was read before a restart, is read
/// again from the log when it is committed.
/// </summary>
/// <param name="xid">As the log gives it: <c>X'gtrid',X'bqual',format</c>.</param>
/// <param name="begin">Where its events begin in the log.</param>
internal sealed partial class XaBranch(string xid, BinlogPosition begin)
{
    public string Xid { get; } = xid;

    public BinlogPosition Begin { get; } = begin;

    /// <summary>Its changes in order; null when they have to be read again from <see cref="Begin"/>.</summary>
    public List<StreamItem>? Items { get; set; } = [];

    public long Bytes { get; set; }

    /// <summary>It changes tables of the stream.</summary>
    public bool HasChanges { get; set; }

    /// <summary>It changes tables whose foreign keys cascade. True also when that is not known.</summary>
    public bool MeetsCascades { get; set; }

    /// <summary>
    /// The identifier in a statement of the log: <c>XA COMMIT X'61',X'',1</c>. Statements print the format id with 64 bits, events hold 32 of them.
    /// </summary>
    /// <exception cref="ReplicationException">The statement is written otherwise.</exception>
    public static string XidOf(string statement, BinlogPosition at)
    {
        var match = Identifier().Match(statement);
        return match.Success
            ? $"X'{match.Groups[1].Value.ToLowerInvariant()}',X'{match.Groups[2].Value.ToLowerInvariant()}',{FormatOf(match.Groups[3].Value)}"
            : throw new ReplicationException($"The binary log has an XA statement at {at} whose identifier cannot be read; nothing after it can be applied safely.");
    }

    private static uint FormatOf(string digits) => unchecked((uint)(BigInteger.Parse(digits, CultureInfo.InvariantCulture) & uint.MaxValue));

    [GeneratedRegex(@"^XA\s+\w+\s+X'([0-9a-f]*)',\s*X'([0-9a-f]*)',\s*(-?\d+)\s*(ONE PHASE)?$", RegexOptions.IgnoreCase)]
    private static partial Regex Identifier();
}

/// <summary>What becomes of an XA transaction at the end of a source transaction.</summary>
/// <param name="Branch">The transaction.</param>
/// <param name="IsPrepared">It is prepared, and written down; otherwise it ends, and is struck out.</param>
internal sealed record XaChange(XaBranch Branch, bool IsPrepared);
