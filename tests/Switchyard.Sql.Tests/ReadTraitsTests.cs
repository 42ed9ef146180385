using System.Text;

namespace Switchyard.Sql.Tests;

/// <summary>What of a query's answer its text determines.</summary>
public sealed class ReadTraitsTests
{
    private static readonly ScanOptions s_options = new() { MariaDb = true, ServerVersion = 101119 };

    [Theory]
    [InlineData("SELECT a FROM t", false, "")]
    [InlineData("SELECT a FROM t ORDER BY a", true, "a")]
    [InlineData("SELECT a FROM t ORDER BY t.a DESC, `B` asc, 2 LIMIT 5", true, "a,B,2")]
    [InlineData("SELECT a FROM t ORDER BY a + 1, b", true, "")]
    [InlineData("SELECT a FROM t ORDER BY FIELD(a, 1, 2), b LIMIT 3", true, "")]
    [InlineData("SELECT a FROM (SELECT a FROM t ORDER BY a) x", false, "")]
    [InlineData("SELECT ROW_NUMBER() OVER (ORDER BY a) FROM t", false, "")]
    [InlineData("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1", true, "1")]
    [InlineData("(SELECT a FROM t ORDER BY a LIMIT 1) UNION (SELECT b FROM u)", false, "")]
    public void The_sort_of_the_whole_result_is_known_by_its_names(string sql, bool hasOrder, string keys)
    {
        var traits = Read(sql);
        Assert.Equal(hasOrder, traits.HasOrder);
        Assert.Equal(keys, string.Join(',', traits.Order.Select(key => key.Name ?? key.Position.ToString())));
    }

    [Theory]
    [InlineData("SELECT a FROM t LIMIT 10", 10L)]
    [InlineData("SELECT a FROM t LIMIT 20, 10", 10L)]
    [InlineData("SELECT a FROM t LIMIT 10 OFFSET 20", 10L)]
    [InlineData("SELECT a FROM t LIMIT ?", null)]
    public void A_limits_count_is_where_it_says(string sql, long? rows)
    {
        var traits = Read(sql);
        Assert.True(traits.HasLimit);
        Assert.Equal(rows, traits.Limit?.Rows);
        if (traits.Limit is { } limit)
        {
            Assert.Equal(rows.ToString(), sql.Substring(limit.Start, limit.Length));
        }
    }

    [Theory]
    [InlineData("SELECT a FROM t WHERE b > NOW() - INTERVAL 1 DAY", true, false)]
    [InlineData("SELECT a FROM t WHERE b > CURRENT_DATE", true, false)]
    [InlineData("SELECT t.current_date, now FROM t", false, false)]
    [InlineData("SELECT RAND(), a FROM t", false, true)]
    [InlineData("SELECT a FROM t WHERE owner = USER()", false, true)]
    [InlineData("SELECT user, uuid FROM t", false, false)]
    [InlineData("SELECT a FROM t WHERE b = 'RAND()'", false, false)]
    [InlineData("SELECT (a FROM t", false, true)]
    public void Clocks_and_dice_are_told_apart(string sql, bool usesClock, bool isVolatile)
    {
        var traits = Read(sql);
        Assert.Equal((usesClock, isVolatile), (traits.UsesClock, traits.IsVolatile));
    }

    [Theory]
    [InlineData("SELECT GROUP_CONCAT(a) FROM t", true)]
    [InlineData("SELECT GROUP_CONCAT(DISTINCT a ORDER BY a SEPARATOR ', ') FROM t", false)]
    [InlineData("SELECT GROUP_CONCAT(CONCAT(a, b) ORDER BY a) FROM t", false)]
    [InlineData("SELECT ANY_VALUE(a) FROM t GROUP BY b", true)]
    [InlineData("SELECT SUM(a) FROM t", false)]
    public void Aggregates_that_depend_on_the_order_of_rows_are_known(string sql, bool isSensitive) => Assert.Equal(isSensitive, Read(sql).IsOrderSensitive);

    [Fact]
    public void A_limit_within_is_not_one_of_the_whole()
    {
        var traits = Read("SELECT a FROM t WHERE b IN (SELECT b FROM u LIMIT 3)");
        Assert.Equal((false, true), (traits.HasLimit, traits.HasInnerLimit));
    }

    [Theory]
    [InlineData("SELECT a FROM t WHERE b = 'secret' AND c = 7", "SELECT a FROM t WHERE b = ? AND c = ?")]
    [InlineData("SELECT a FROM t WHERE /*!50000 b = 'secret' AND */ c = 7", null)]
    [InlineData("SELECT /* secret */ a FROM t", "SELECT a FROM t")]
    public void A_shape_for_people_has_no_literal(string sql, string? shape) =>
        Assert.Equal(shape, StatementShape.Text(Encoding.UTF8.GetBytes(sql), s_options));

    private static ReadTraits Read(string sql) => ReadTraits.Read(Encoding.UTF8.GetBytes(sql), s_options);
}
