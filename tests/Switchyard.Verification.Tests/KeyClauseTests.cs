using System.Text;
using Switchyard.Replication.Schema;

namespace Switchyard.Verification.Tests;

public sealed class KeyClauseTests
{
    [Fact]
    public void A_range_of_a_composite_key_is_in_the_order_of_its_columns()
    {
        var clause = new KeyClause([(Column("a", ColumnKind.Integer), false), (Column("b", ColumnKind.Integer), false), (Column("c", ColumnKind.Integer), false)]);

        Assert.Equal("`a` >= 1 AND (`a` > 1 OR (`a` = 1 AND (`b` > 2 OR (`b` = 2 AND (`c` > 3)))))", clause.After(Key("1", "2", "3")));
        Assert.Equal("`a` <= 1 AND (`a` < 1 OR (`a` = 1 AND (`b` < 2 OR (`b` = 2 AND (`c` <= 3)))))", clause.UpTo(Key("1", "2", "3")));
        Assert.Equal("(`a` = 1 AND `b` = 2 AND `c` = 3) OR (`a` = 4 AND `b` = 5 AND `c` = 6)", clause.In([Key("1", "2", "3"), Key("4", "5", "6")]));
    }

    [Fact]
    public void A_single_column_is_compared_and_looked_up_as_it_is()
    {
        var clause = new KeyClause([(Column("id", ColumnKind.Integer), false)]);

        Assert.Equal("(`id` > -7)", clause.After(Key("-7")));
        Assert.Equal("`id` IN (1, 2)", clause.In([Key("1"), Key("2")]));
    }

    [Fact]
    public void Text_is_written_in_its_own_character_set_and_cannot_leave_its_literal()
    {
        var latin = Column("w", ColumnKind.Text) with { CharacterSet = "latin1", Collation = "latin1_swedish_ci" };

        Assert.Equal("`w` IN (_latin1 x'27204F5220313D31')", new KeyClause([(latin, false)]).In([Key("' OR 1=1")]));
        Assert.Equal("`w` IN (CONVERT(_utf8mb4 x'C3B6' USING latin1) COLLATE latin1_swedish_ci)", new KeyClause([(latin, true)]).In([Key("ö")]));
    }

    [Fact]
    public void An_enum_is_compared_by_index_as_its_index_sorts()
    {
        var clause = new KeyClause([(Column("e", ColumnKind.Enum), false)]);

        Assert.Equal("(CAST(`e` AS UNSIGNED) > 2)", clause.After(Key("2")));
        Assert.Equal("`e`", clause.OrderBy);
    }

    [Fact]
    public void A_number_that_is_none_never_becomes_part_of_a_statement()
    {
        var clause = new KeyClause([(Column("id", ColumnKind.Integer), false)]);
        Assert.Throws<InvalidOperationException>(() => clause.In([Key("1 OR 1=1")]));
        var date = new KeyClause([(Column("d", ColumnKind.Date), false)]);
        Assert.Throws<InvalidOperationException>(() => date.In([Key("2024-01-01' OR '")]));
    }

    private static ColumnDefinition Column(string name, ColumnKind kind) => new() { Ordinal = 0, Name = name, ColumnType = "x", DataType = "x", Kind = kind };

    private static byte[] Key(params string[] cells)
    {
        var row = new PackedRow.Builder();
        foreach (var cell in cells)
        {
            row.Add(Encoding.UTF8.GetBytes(cell));
        }

        return row.Written.ToArray();
    }
}
