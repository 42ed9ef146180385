using Switchyard.Proxy.Reads;

namespace Switchyard.Proxy.Tests.Reads;

/// <summary>What must be visible before a read.</summary>
public sealed class WriteMarksTests
{
    [Fact]
    public void A_table_has_the_number_of_its_last_write()
    {
        var marks = new WriteMarks(ignoreCase: false);
        var before = marks.Current;
        marks.Mark("s", "a");
        marks.Mark("s", "b");
        Assert.True(marks.Of("s", "a") > before);
        Assert.True(marks.Of("s", "b") > marks.Of("s", "a"));
        Assert.Equal(marks.Current, marks.Of("s", "b"));
        Assert.Equal(before, marks.Of("s", "quiet"));
    }

    [Fact]
    public void Everything_written_counts_for_every_table()
    {
        var marks = new WriteMarks(ignoreCase: false);
        marks.MarkAll();
        Assert.Equal(marks.Current, marks.Of("s", "any"));
    }

    [Fact]
    public void What_was_written_before_the_mode_began_is_to_be_seen()
    {
        var marks = new WriteMarks(ignoreCase: false);
        Assert.True(marks.Of("s", "any") > 0);
        Assert.True(marks.Current >= marks.Of("s", "any"));
    }

    [Fact]
    public void Names_are_compared_as_the_server_does()
    {
        var exact = new WriteMarks(ignoreCase: false);
        var loose = new WriteMarks(ignoreCase: true);
        exact.Mark("s", "a");
        loose.Mark("s", "a");
        Assert.True(exact.Of("S", "A") < exact.Current);
        Assert.Equal(loose.Current, loose.Of("S", "A"));
    }

    [Fact]
    public void Writers_at_once_leave_the_largest_number()
    {
        var marks = new WriteMarks(ignoreCase: false);
        Parallel.For(0, 1000, i => marks.Mark("s", "a"));
        Assert.Equal(marks.Current, marks.Of("s", "a"));
    }
}
