namespace Switchyard.Binlog.Tests;

public sealed class RowsReaderTests
{
    private static readonly TableShape OneInt = new([new ColumnShape { Name = "v" }]);

    [Fact]
    public void Rows_are_read_in_the_memory_of_one_however_many_there_are()
    {
        const int count = 100_000;
        var rows = Parse(EventBuilder.WriteRows(count));
        var reader = new RowsReader();
        reader.Open(rows, OneInt);
        for (var i = 0; i < count; i++)
        {
            Assert.True(reader.Read());
            Assert.False(reader.Current.Before.IsPresent);
            Assert.Equal(i.ToString(System.Globalization.CultureInfo.InvariantCulture), reader.Current.After[0].ToString());
        }

        Assert.False(reader.Read());
        var before = GC.GetAllocatedBytesForCurrentThread();
        reader.Open(rows, OneInt);
        var again = 0;
        while (reader.Read())
        {
            again++;
        }

        Assert.Equal(count, again);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024);
    }

    [Fact]
    public void An_event_that_is_moved_outlives_the_bytes_it_was_read_from()
    {
        var raw = EventBuilder.WriteRows(3);
        var rows = Parse(raw);
        rows.MoveTo(new byte[rows.BorrowedBytes]);
        raw.AsSpan().Fill(0xFF);
        var reader = new RowsReader();
        reader.Open(rows, OneInt);

        Assert.True(reader.Read() && reader.Read() && reader.Read());
        Assert.Equal("2", reader.Current.After[0].ToString());
        Assert.Equal("2", rows.DecodeRows(OneInt)[2].After[0].ToString());
    }

    [Fact]
    public void A_row_cut_short_is_damage_and_not_the_end()
    {
        var raw = EventBuilder.Event(30, [7, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1]);
        var reader = new RowsReader();
        reader.Open(Parse(raw), OneInt);

        Assert.True(reader.Read());
        Assert.Throws<BinlogFormatException>(() => reader.Read());
    }

    private static RowsEvent Parse(byte[] raw)
    {
        var parser = new BinlogEventParser(new BinlogPosition("binlog.000001", 4));
        parser.Parse(EventBuilder.Format(checksum: true));
        parser.Parse(EventBuilder.TableMap());
        return (RowsEvent)parser.Parse(raw);
    }
}
