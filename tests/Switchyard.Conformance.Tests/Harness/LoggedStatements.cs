using System.Text;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Conformance.Tests.Harness;

/// <summary>
/// The statements a MariaDB server has written into its binary log: the text of each DDL statement, and in front of the rows of any other the text
/// that changed them (<c>ANNOTATE_ROWS</c>, whatever kind of statement it was). So the log says which statements write.
/// </summary>
internal static class LoggedStatements
{
    private const int HeaderLength = 19;
    private const int ChecksumLength = 4;

    /// <summary>All that the server's logs still hold, each text once. Every event is parsed on the way, so that one not understood fails.</summary>
    public static async Task<IReadOnlyCollection<string>> ReadAsync(LabServer server)
    {
        var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        var oldest = (await connection.QueryAsync("SHOW BINARY LOGS", default)).GetString(0, 0);
        var start = new BinlogPosition(oldest, BinlogPosition.FirstOffset);
        var request = new BinlogDumpRequest { ServerId = 4_000_000_000, File = start.File, Position = start.Offset, SendAnnotateRows = true, StopAtEnd = true };
        await using var dump = await connection.DumpBinlogAsync(request, default);
        var parser = new BinlogEventParser(start);
        var texts = new HashSet<string>();
        while (await dump.ReadEventAsync(default) is { IsEmpty: false } raw)
        {
            switch (parser.Parse(raw))
            {
                case QueryEvent query:
                    texts.Add(Encoding.Latin1.GetString(query.Sql.Span));
                    break;
                case IgnorableEvent { Type: BinlogEventType.MariaDbAnnotateRows }:
                    texts.Add(Encoding.Latin1.GetString(raw.Span[HeaderLength..^(dump.HasChecksums ? ChecksumLength : 0)]));
                    break;
            }
        }

        return texts;
    }
}
