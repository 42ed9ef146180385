namespace Switchyard.Binlog.Tests;

public sealed class BinlogEventParserTests
{
    private static readonly TableShape OneInt = new([new ColumnShape { Name = "v" }]);

    [Fact]
    public void A_row_is_decoded_with_the_sign_the_schema_gives_it()
    {
        var parser = Started();
        parser.Parse(EventBuilder.TableMap());
        var rows = (RowsEvent)parser.Parse(EventBuilder.WriteRow(-2));

        Assert.Equal("-2", Assert.Single(rows.DecodeRows(OneInt)).After[0].ToString());
        var unsigned = new TableShape([new ColumnShape { Name = "v", IsUnsigned = true }]);
        Assert.Equal("4294967294", Assert.Single(rows.DecodeRows(unsigned)).After[0].ToString());
        Assert.False(rows.DecodeRows(OneInt)[0].Before.IsPresent);
    }

    [Fact]
    public void A_row_image_that_is_not_full_is_refused_by_name()
    {
        var parser = Started();
        parser.Parse(EventBuilder.TableMap());
        var rows = (RowsEvent)parser.Parse(EventBuilder.WriteRow(1, presentColumns: 0));

        var error = Assert.Throws<UnsupportedEventException>(() => rows.DecodeRows(OneInt));
        Assert.Contains("s.t", error.Message, StringComparison.Ordinal);
        Assert.Contains("binlog_row_image='FULL'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_number_of_columns_is_told_apart_from_damage()
    {
        var parser = Started();
        parser.Parse(EventBuilder.TableMap());
        var rows = (RowsEvent)parser.Parse(EventBuilder.WriteRow(1));

        Assert.Throws<TableShapeMismatchException>(() => rows.DecodeRows(new TableShape([])));
    }

    [Theory]
    [InlineData(27, false)]
    [InlineData(41, true)]
    public void A_heartbeat_of_the_file_before_is_no_place_in_the_next(byte type, bool isSecondVersion)
    {
        var parser = Started();
        parser.Parse(EventBuilder.Event(4, [4, 0, 0, 0, 0, 0, 0, 0, .. "binlog.000002"u8], 430));
        parser.Parse(Beat("binlog.000001", 174));
        Assert.Equal(new BinlogPosition("binlog.000002", 4), parser.Position);
        parser.Parse(Beat("binlog.000002", 174));
        Assert.Equal(new BinlogPosition("binlog.000002", 174), parser.Position);

        byte[] Beat(string file, byte offset) =>
            EventBuilder.Event(type, isSecondVersion ? [1, (byte)file.Length, .. System.Text.Encoding.ASCII.GetBytes(file), 2, 1, offset, 0] : System.Text.Encoding.ASCII.GetBytes(file), isSecondVersion ? 0u : offset);
    }

    [Fact]
    public void A_flipped_bit_is_noticed()
    {
        var parser = Started();
        var raw = EventBuilder.Xid(300);
        raw[22] ^= 1;

        Assert.Contains("checksum", Assert.Throws<BinlogFormatException>(() => parser.Parse(raw)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_checksums_the_last_bytes_belong_to_the_event()
    {
        var parser = new BinlogEventParser(new BinlogPosition("binlog.000001", 4));
        parser.Parse(EventBuilder.Format(checksum: false));

        Assert.Equal(0UL, ((XidEvent)parser.Parse(EventBuilder.Xid(300, checksum: false))).Xid);
    }

    [Fact]
    public void An_unknown_event_stops_unless_its_writer_says_it_may_be_skipped()
    {
        var parser = Started();

        var error = Assert.Throws<UnsupportedEventException>(() => parser.Parse(EventBuilder.Event(99, [1, 2, 3], 500)));
        Assert.Equal(new BinlogPosition("binlog.000001", 500), error.Position);
        Assert.IsType<IgnorableEvent>(parser.Parse(EventBuilder.Event(99, [1, 2, 3], 600, flags: 0x80)));
    }

    [Fact]
    public void Positions_go_on_past_four_gibibytes_in_one_file()
    {
        var parser = Started();
        parser.Parse(EventBuilder.Xid(0xFFFFFF00));
        var beyond = parser.Parse(EventBuilder.Xid(0x00000100));

        Assert.Equal(new BinlogPosition("binlog.000001", 0x1_0000_0100), beyond.Position);
    }

    [Fact]
    public void Positions_are_counted_whatever_32_bits_of_them_the_header_shows()
    {
        var parser = new BinlogEventParser(new BinlogPosition("binlog.000001", 0x2_FFFF_FFF0));
        parser.Parse(EventBuilder.Format(checksum: true, nextOffset: 0));

        var size = (ulong)EventBuilder.Xid(0).Length;
        Assert.Equal(0x2_FFFF_FFF0 + size, parser.Parse(EventBuilder.Xid((uint)(0xFFFF_FFF0 + size))).Position.Offset);
        Assert.Equal(0x2_FFFF_FFF0 + (2 * size), parser.Parse(EventBuilder.Xid((uint)(0xFFFF_FFF0 + (2 * size)))).Position.Offset);
        // A heartbeat tells of what was sent before, in as many bits.
        Assert.Equal(0x2_FFFF_FFF0 + (2 * size), parser.Parse(EventBuilder.Event(27, "binlog.000001"u8, 0xFFFF_FFF0)).Position.Offset);
    }

    [Fact]
    public async Task What_lies_before_a_begin_that_the_server_does_not_take_is_passed_over()
    {
        var reader = Reader(new BinlogPosition("binlog.000001", 0x1_0000_0100), EventBuilder.Format(true), EventBuilder.Xid(0xFFFFFF00), EventBuilder.Xid(0x100), EventBuilder.Xid(0x11F));

        Assert.Equal(0x1_0000_0100UL, reader.Position.Offset);
        Assert.Equal(0x1_0000_011FUL, (await reader.ReadAsync(CancellationToken.None))!.Position.Offset);
    }

    [Fact]
    public async Task A_begin_at_which_no_event_ends_is_refused()
    {
        var reader = Reader(new BinlogPosition("binlog.000001", 0x1_0000_00FF), EventBuilder.Format(true), EventBuilder.Xid(0xFFFFFF00), EventBuilder.Xid(0x100));

        var error = await Assert.ThrowsAsync<BinlogFormatException>(() => reader.ReadAsync(CancellationToken.None).AsTask());
        Assert.Contains("binlog.000001:4294967551", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_artificial_event_moves_nothing_and_a_rotation_moves_to_the_next_file()
    {
        var parser = Started();
        parser.Parse(EventBuilder.Xid(400));

        Assert.Equal(400UL, parser.Parse(EventBuilder.Event(161, [0, 0, 0, 0], 0)).Position.Offset);
        Assert.Equal(400UL, parser.Parse(EventBuilder.Event(161, [0, 0, 0, 0], 9999, flags: 0x20)).Position.Offset);
        var rotate = (RotateEvent)parser.Parse(EventBuilder.Event(4, [4, 0, 0, 0, 0, 0, 0, 0, .. "binlog.000002"u8], 430));
        Assert.Equal(new BinlogPosition("binlog.000002", 4), rotate.Next);
        Assert.Equal(rotate.Next, parser.Position);
    }

    [Fact]
    public async Task An_incident_stops_the_reader()
    {
        var events = new Queue<byte[]>([EventBuilder.Format(true), EventBuilder.Event(26, [1, 0, 4, .. "lost"u8], 300)]);
        await using var reader = new BinlogReader(_ => ValueTask.FromResult<ReadOnlyMemory<byte>>(events.Dequeue()), new BinlogPosition("binlog.000001", 4));

        Assert.IsType<FormatDescriptionEvent>(await reader.ReadAsync(CancellationToken.None));
        var error = await Assert.ThrowsAsync<UnsupportedEventException>(() => reader.ReadAsync(CancellationToken.None).AsTask());
        Assert.Contains("lost", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_of_a_table_no_map_named_are_damage()
    {
        var parser = Started();

        Assert.Throws<BinlogFormatException>(() => parser.Parse(EventBuilder.WriteRow(1)));
    }

    /// <summary>Whatever the bytes, the answer is an event or one of the decoder's own errors: never a wrong index or endless memory.</summary>
    [Fact]
    public void Damaged_bytes_never_get_past_the_decoders_own_errors()
    {
        var random = new Random(7);
        byte[][] seeds =
        [
            EventBuilder.TableMap(), EventBuilder.WriteRow(5), EventBuilder.Event(33, new byte[42], 5), EventBuilder.Event(42, [2, 60, 0, 0, 2, 1, 4, 4, 6, 2, (byte)'t'], 5),
            EventBuilder.Event(2, [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 6, 0, 0, 1, 2, 3, 4, 5, (byte)'s', 0, .. "BEGIN"u8], 5), EventBuilder.Event(40, [2, 1, 0, 0, 1, 2, 3], 5),
            EventBuilder.Event(162, new byte[20], 5), EventBuilder.Event(163, new byte[24], 5), EventBuilder.Event(38, new byte[20], 5), EventBuilder.Event(166, new byte[30], 5),
        ];
        var outcomes = new Dictionary<string, int>();
        for (var i = 0; i < 20000; i++)
        {
            var parser = new BinlogEventParser(new BinlogPosition("binlog.000001", 4));
            parser.Parse(EventBuilder.Format(checksum: false));
            parser.Parse(Strip(EventBuilder.TableMap()));
            var raw = Strip(seeds[random.Next(seeds.Length)]);
            for (var flips = random.Next(1, 6); flips > 0; flips--)
            {
                raw[random.Next(19, raw.Length)] = (byte)random.Next(256);
            }

            var outcome = Try(parser, raw);
            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
        }

        Assert.True(outcomes.Count > 1, "every mutation ended alike");
    }

    private static BinlogReader Reader(BinlogPosition begin, params byte[][] log)
    {
        var events = new Queue<byte[]>(log);
        return new BinlogReader(_ => ValueTask.FromResult<ReadOnlyMemory<byte>>(events.Dequeue()), begin with { Offset = BinlogPosition.FirstOffset }) { BeginsAt = begin };
    }

    private static string Try(BinlogEventParser parser, byte[] raw)
    {
        try
        {
            var parsed = parser.Parse(raw);
            if (parsed is RowsEvent rows)
            {
                rows.DecodeRows(OneInt);
            }

            return "parsed";
        }
        catch (Exception e) when (e is BinlogFormatException or UnsupportedEventException or TableShapeMismatchException)
        {
            return e.GetType().Name;
        }
    }

    private static byte[] Strip(byte[] withChecksum)
    {
        var raw = withChecksum[..^4];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(9), (uint)raw.Length);
        return raw;
    }

    private static BinlogEventParser Started()
    {
        var parser = new BinlogEventParser(new BinlogPosition("binlog.000001", 4));
        parser.Parse(EventBuilder.Format(checksum: true));
        return parser;
    }
}
