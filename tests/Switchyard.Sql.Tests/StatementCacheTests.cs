using System.Text;

namespace Switchyard.Sql.Tests;

public sealed class StatementCacheTests
{
    [Theory]
    [InlineData("SELECT * FROM t WHERE a = 1", "select * FROM t WHERE a = 1", false)]
    [InlineData("SELECT * FROM t WHERE a = 1", "SELECT * FROM t WHERE a = 'x''y'", true)]
    [InlineData("SELECT * FROM t WHERE a = 1", "/* app */ SELECT  *\n FROM t -- c\n WHERE a = 2 ", true)]
    [InlineData("SELECT * FROM t WHERE a IN (1, 2)", "SELECT * FROM t WHERE a IN (1,2,3,'x')", true)]
    [InlineData("INSERT INTO t VALUES (1,2)", "INSERT INTO t VALUES ('x', 4), (5, 6), (7, 8)", true)]
    [InlineData("SELECT 1, 2", "SELECT 1", false)]
    [InlineData("SELECT * FROM t1", "SELECT * FROM t2", false)]
    [InlineData("SELECT @a", "SELECT @b", false)]
    [InlineData("SELECT /*!40001 SQL_NO_CACHE */ 1", "SELECT /*!40002 SQL_NO_CACHE */ 1", false)]
    [InlineData("SELECT /*!40001 SQL_NO_CACHE */ 1", "SELECT 1", false)]
    [InlineData("SELECT /*+ BKA(t) */ 1", "SELECT 1", false)]
    [InlineData("SELECT COUNT(*) FROM t", "SELECT COUNT (*) FROM t", false)]
    [InlineData("SELECT a.b", "SELECT a .b", false)]
    [InlineData("SELECT a FROM `t`", "SELECT a FROM t", false)]
    public void Shapes_are_equal_where_only_literals_and_space_differ(string one, string other, bool equal) =>
        Assert.Equal(equal, StatementShape.Hash(Encoding.UTF8.GetBytes(one)) == StatementShape.Hash(Encoding.UTF8.GetBytes(other)));

    [Fact]
    public void A_hash_is_the_same_in_every_process() => Assert.Equal(9930534822455385247UL, StatementShape.Hash("SELECT * FROM t WHERE a = 1"u8));

    [Fact]
    public void A_hit_gives_the_same_info_and_allocates_nothing()
    {
        var cache = new StatementCache();
        var options = Describe.MySql;
        var first = cache.GetOrScan("SELECT * FROM t WHERE a = 1"u8, options);
        Assert.Same(first, cache.GetOrScan("SELECT * FROM t WHERE a = 'other'"u8, options));
        Assert.NotSame(first, cache.GetOrScan("SELECT * FROM t WHERE a = 1"u8, options with { AnsiQuotes = true }));
        Assert.Equal((1, 2), (cache.Hits, cache.Misses));

        Repeat(cache, options);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Repeat(cache, options);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    private static void Repeat(StatementCache cache, ScanOptions options)
    {
        for (var i = 0; i < 1000; i++)
        {
            cache.GetOrScan("SELECT * FROM t WHERE a = 'other'"u8, options);
            StatementShape.Hash("SELECT * FROM t WHERE a = 'other'"u8, options);
        }
    }

    [Theory]
    [InlineData("SET autocommit=0", "SET autocommit=1")]
    [InlineData("KILL 5", "KILL 6")]
    [InlineData("SELECT 1; KILL 5", "SELECT 1; KILL 6")]
    [InlineData("/*!40101 SET autocommit=0 */", "/*!40101 SET autocommit=1 */")]
    public void What_depends_on_a_literal_is_scanned_each_time(string one, string other)
    {
        var cache = new StatementCache();
        cache.GetOrScan(Encoding.UTF8.GetBytes(one), Describe.MySql);
        var cached = cache.GetOrScan(Encoding.UTF8.GetBytes(other), Describe.MySql);
        Assert.Equal(Describe.Everything(Describe.Scan(other, Describe.MySql)), Describe.Everything(cached));
        Assert.NotEqual(Describe.Everything(Describe.Scan(one, Describe.MySql)), Describe.Everything(cached));
    }

    [Fact]
    public void A_full_cache_forgets_and_stays_right()
    {
        var cache = new StatementCache(8);
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 200; i++)
            {
                var info = cache.GetOrScan(Encoding.UTF8.GetBytes($"SELECT * FROM t{i} WHERE a = {round}"), Describe.MySql);
                Assert.Equal($"Select plain R:t{i}", Describe.Line(info));
            }
        }

        Assert.Equal(600, cache.Hits + cache.Misses);
        Assert.True(cache.Misses > 192);
    }

    [Fact]
    public void A_text_too_long_for_a_shape_is_scanned()
    {
        var names = string.Join(", ", Enumerable.Range(0, 2000).Select(i => $"column{i}"));
        var cache = new StatementCache();
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("Select plain R:t", Describe.Line(cache.GetOrScan(Encoding.UTF8.GetBytes($"SELECT {names} FROM t"), Describe.MySql)));
        }

        Assert.Equal(0, cache.Hits);
    }
}
