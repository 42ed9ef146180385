using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Relay;

/// <summary>The end of an answer is found wherever the bytes are cut.</summary>
public sealed class ResponseScannerTests
{
    private const Capabilities Modern = Capabilities.Protocol41 | Capabilities.DeprecateEof;
    private const Capabilities Old = Capabilities.Protocol41;

    public static TheoryData<string> Shapes => [.. s_answers.Keys];

    private static readonly Dictionary<string, (ResponseShape Shape, bool DeprecateEof, byte[] Bytes, ushort Status)> s_answers = new()
    {
        ["ok"] = (ResponseShape.Results, true, Answer(Ok(2, affected: 300, insertId: 70_000)), 2),
        ["error"] = (ResponseShape.Results, true, Answer(Error(1064)), 0),
        ["result set with OK"] = (ResponseShape.Results, true, Answer(Count(2), Column("a"), Column("b"), Row("1", "x"), Row(null, "y"), End(2, Modern)), 2),
        ["result set with EOF"] = (ResponseShape.Results, false, Answer(Count(1), Column("a"), Eof(2), Row("1"), Eof(3)), 3),
        ["empty result set"] = (ResponseShape.Results, true, Answer(Count(1), Column("a"), End(2, Modern)), 2),
        ["many columns"] = (ResponseShape.Results, false, Answer([Count(300), .. Enumerable.Repeat(Column("c"), 300), Eof(2), Eof(2)]), 2),
        ["error after rows"] = (ResponseShape.Results, true, Answer(Count(1), Column("a"), Row("1"), Error(1317)), 0),
        ["rows while a stored program has a cursor open"] = (ResponseShape.Results, false, Answer(Count(1), Column("a"), Eof(0x42), Row("1"), Eof(0x4A), Ok(2)), 2),
        ["several results"] = (ResponseShape.Results, true, Answer(Ok(10), Count(1), Column("a"), Row("1"), End(10, Modern), Ok(2)), 2),
        ["several results, the last an error"] = (ResponseShape.Results, false, Answer(Count(1), Column("a"), Eof(10), Eof(10), Error(1146)), 10),
        ["cursor opened, with EOF"] = (ResponseShape.Cursor, false, Answer(Count(1), Column("a"), Eof(0x42)), 0x42),
        ["cursor opened, with OK"] = (ResponseShape.Cursor, true, Answer(Count(1), Column("a"), End(0x42, Modern)), 0x42),
        ["rows of a procedure, which opens none for the client, behind a cursor of its own"] = (ResponseShape.Cursor, false, Answer(Count(1), Column("a"), Eof(0xCA), Row("1"), Eof(0xCA), Ok(0xC2)), 0xC2),
        ["output parameters of a procedure, behind a cursor of its own"] = (ResponseShape.Cursor, false, Answer(Count(1), Column("a"), Eof(0x10CA), Row("1"), Eof(0xC2), Ok(0xC2)), 0xC2),
        ["error in place of a cursor's end of columns"] = (ResponseShape.Cursor, false, Answer(Count(1), Column("a"), Error(1690)), 0),
        ["error among the columns"] = (ResponseShape.Results, true, Answer(Count(2), Column("a"), Error(1317)), 0),
        ["progress reports, then OK"] = (ResponseShape.Results, true, Answer(Error(0xFFFF), Error(0xFFFF), Ok(2)), 2),
        ["EOF alone"] = (ResponseShape.Results, false, Answer(Eof(2)), 2),
        ["prepared without anything"] = (ResponseShape.Prepared, true, Answer(Prepared(7, 0, 0)), 0),
        ["prepared with both"] = (ResponseShape.Prepared, true, Answer(Prepared(7, 2, 1), Column("?"), Column("a"), Column("b")), 0),
        ["prepared with both and EOF"] = (ResponseShape.Prepared, false, Answer(Prepared(7, 1, 2), Column("?"), Column("?"), Eof(2), Column("a"), Eof(2)), 2),
        ["prepare refused"] = (ResponseShape.Prepared, true, Answer(Error(1064)), 0),
        ["fetched rows"] = (ResponseShape.UntilEnd, true, Answer(BinaryRow(), BinaryRow(), End(0xC2, Modern)), 0xC2),
        ["field list"] = (ResponseShape.UntilEnd, false, Answer(Column("a"), Column("b"), Eof(2)), 2),
        ["binary log, ended by EOF"] = (ResponseShape.BinaryLog, true, Answer(Event(), Event(), Event(), Eof(2)), 2),
        ["binary log, ended by an error"] = (ResponseShape.BinaryLog, false, Answer(Event(), Event(), Error(1236)), 0),
        ["statistics"] = (ResponseShape.OnePacket, true, Answer("Uptime: 1"u8.ToArray()), 0),
        ["row of exactly 16 MB"] = (ResponseShape.Results, true, Answer(Count(1), Column("a"), Row(new string('x', PacketLimits.MaxPayload - 4)), End(2, Modern)), 2),
        ["row that begins like an end"] = (ResponseShape.Results, true, Answer(Count(1), Column("a"), Row(new string('x', 17_000_000)), Row("1"), End(2, Modern)), 2),
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void An_answer_ends_at_its_last_byte_wherever_it_is_cut(string name)
    {
        var (shape, deprecateEof, bytes, status) = s_answers[name];
        foreach (var cut in Cuts(bytes.Length))
        {
            var scanner = new ResponseScanner();
            scanner.Begin(shape, deprecateEof);
            Assert.Equal(cut, scanner.Consume(bytes.AsSpan(0, cut)));
            Assert.False(scanner.IsComplete, $"complete after {cut} of {bytes.Length} bytes");
            Assert.Equal(bytes.Length - cut, scanner.Consume(bytes.AsSpan(cut)));
            Assert.True(scanner.IsComplete, $"not complete when cut at {cut}");
            Assert.Equal(status, scanner.Status);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Bytes_behind_the_answer_are_left(string name)
    {
        var (shape, deprecateEof, bytes, _) = s_answers[name];
        var scanner = new ResponseScanner();
        scanner.Begin(shape, deprecateEof);
        Assert.Equal(bytes.Length, scanner.Consume([.. bytes, .. Answer(Ok(2))]));
        Assert.True(scanner.IsComplete);
    }

    [Fact]
    public void One_byte_at_a_time_gives_the_same_facts()
    {
        var bytes = Answer(Ok(3, affected: 300, insertId: 70_000));
        var scanner = new ResponseScanner();
        scanner.Begin(ResponseShape.Results, true);
        foreach (var one in bytes)
        {
            Assert.False(scanner.IsComplete);
            Assert.Equal(1, scanner.Consume([one]));
        }

        Assert.True(scanner.IsComplete);
        Assert.True(scanner.InTransaction);
        Assert.Equal(300UL, scanner.AffectedRows);
        Assert.Equal(70_000UL, scanner.LastInsertId);
    }

    [Fact]
    public void The_status_of_before_stays_when_an_answer_is_an_error()
    {
        var scanner = new ResponseScanner();
        scanner.SetStatus(3);
        scanner.Begin(ResponseShape.Results, true);
        scanner.Consume(Answer(Error(1213)));
        Assert.True(scanner.InTransaction);
        Assert.Equal(1213, scanner.ErrorCode);
    }

    [Fact]
    public void A_prepared_statement_tells_its_id_and_parameters()
    {
        var scanner = new ResponseScanner();
        scanner.Begin(ResponseShape.Prepared, true);
        scanner.Consume(Answer(Prepared(77, 0, 3), Column("?"), Column("?"), Column("?")));
        Assert.True(scanner.IsComplete);
        Assert.Equal(77U, scanner.StatementId);
        Assert.Equal(3, scanner.ParameterCount);
    }

    [Fact]
    public void A_request_for_a_local_file_pauses_the_answer()
    {
        var bytes = Answer([0xFB, .. "/tmp/file"u8], Ok(2));
        var request = Answer([0xFB, .. "/tmp/file"u8]).Length;
        var scanner = new ResponseScanner();
        scanner.Begin(ResponseShape.Results, true);
        Assert.Equal(request, scanner.Consume(bytes));
        Assert.True(scanner.WantsLocalFile);
        Assert.False(scanner.IsComplete);
        scanner.ResumeAfterLocalFile();
        Assert.Equal(bytes.Length - request, scanner.Consume(bytes.AsSpan(request)));
        Assert.True(scanner.IsComplete);
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 1 })]
    [InlineData(new byte[] { 1, 0, 0, 1, 0 })]
    [InlineData(new byte[] { 2, 0, 0, 1, 0xFF, 1 })]
    public void A_truncated_answer_is_a_violation(byte[] bytes)
    {
        var scanner = new ResponseScanner();
        scanner.Begin(ResponseShape.Results, true);
        Assert.Throws<SessionProtocolException>(() => scanner.Consume(bytes));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void An_answer_that_comes_in_three_parts_ends_at_its_last_byte(string name)
    {
        var (shape, deprecateEof, bytes, status) = s_answers[name];
        if (bytes.Length > 300)
        {
            return;
        }

        var scanner = new ResponseScanner { TracksState = deprecateEof };
        for (var first = 0; first < bytes.Length; first++)
        {
            for (var second = first; second < bytes.Length; second++)
            {
                scanner.SetStatus(0);
                scanner.Begin(shape, deprecateEof);
                var at = scanner.Consume(bytes.AsSpan(0, first));
                at += scanner.Consume(bytes.AsSpan(at, second - at));
                Assert.False(scanner.IsComplete, $"complete after {second} of {bytes.Length} bytes");
                at += scanner.Consume(bytes.AsSpan(at));
                Assert.True(scanner.IsComplete && at == bytes.Length, $"not complete when cut at {first} and {second}");
                Assert.Equal(status, scanner.Status);
            }
        }
    }

    private static IEnumerable<int> Cuts(int length) => length < 20_000
        ? Enumerable.Range(0, length)
        : [0, 1, 4, 5, 100, length - PacketLimits.MaxPayload, length / 2, length - 30, length - 12, length - 5, length - 1];

    private static byte[] Answer(params byte[][] payloads)
    {
        using var into = new PayloadWriter();
        byte sequence = 1;
        foreach (var payload in payloads)
        {
            sequence = PacketIO.Frame(into, payload, sequence);
        }

        return into.WrittenSpan.ToArray();
    }

    private static byte[] Ok(ushort status, ulong affected = 0, ulong insertId = 0) =>
        Write(writer => new OkPayload { Status = (ServerStatus)status, AffectedRows = affected, LastInsertId = insertId }.Write(writer, Modern));

    private static byte[] End(ushort status, Capabilities capabilities) =>
        Write(writer => new OkPayload { Status = (ServerStatus)status }.Write(writer, capabilities, OkPayload.EndOfRowsHeader));

    private static byte[] Eof(ushort status) => Write(writer => new EofPayload(0, (ServerStatus)status).Write(writer, Old));

    private static byte[] Error(ushort code) => Write(writer => new ErrorPayload { Code = code, Message = "no"u8 }.Write(writer, Old));

    private static byte[] Count(ulong columns) => Write(writer => writer.WriteLengthEncodedInteger(columns));

    private static byte[] Prepared(uint id, ushort columns, ushort parameters) => Write(new PrepareOkPayload(id, columns, parameters, 0).Write);

    private static byte[] Column(string name) =>
        Write(writer => new ColumnDefinitionPayload { Name = System.Text.Encoding.UTF8.GetBytes(name) }.Write(writer, Old));

    private static byte[] Event() => [0x00, .. Enumerable.Range(1, 28).Select(number => (byte)number)];

    private static byte[] BinaryRow() => [0x00, 0x00, 0x2A, 0, 0, 0];

    private static byte[] Row(params string?[] values) => Write(writer =>
    {
        foreach (var value in values)
        {
            if (value is null)
            {
                writer.WriteLengthEncodedNull();
            }
            else
            {
                writer.WriteLengthEncodedBytes(System.Text.Encoding.UTF8.GetBytes(value));
            }
        }
    });

    private static byte[] Write(Action<PayloadWriter> write)
    {
        using var writer = new PayloadWriter();
        write(writer);
        return writer.WrittenSpan.ToArray();
    }
}
