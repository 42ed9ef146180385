using Switchyard.Proxy.Sessions;

namespace Switchyard.Proxy.Tests.Sessions;

/// <summary>A session is pinned as long as anything ties it, and no longer.</summary>
public sealed class SessionPinsTests
{
    [Theory]
    [InlineData("SELECT GET_LOCK('a', 1)", true)]
    [InlineData("SELECT GET_LOCK('a', 1), release_lock ( 'b' )", true)]
    [InlineData("SELECT IF(1, get_lock(@name, 1), 0)", true)]
    [InlineData("SELECT RELEASE_LOCK('a')", false)]
    [InlineData("SELECT RELEASE_ALL_LOCKS()", false)]
    public void Named_locks_are_read_from_the_text(string sql, bool pinned)
    {
        var pins = new SessionPins();
        NamedLocks.Observe(System.Text.Encoding.UTF8.GetBytes(sql), pins);
        Assert.Equal(pinned, pins.Any);
    }

    [Fact]
    public void A_lock_is_held_until_that_lock_is_released()
    {
        var pins = new SessionPins();
        NamedLocks.Observe("SELECT GET_LOCK('a', 1), GET_LOCK('b', 1)"u8, pins);
        NamedLocks.Observe("SELECT RELEASE_LOCK('a')"u8, pins);
        Assert.Equal(PinReasons.NamedLocks, pins.Reasons);
        NamedLocks.Observe("DO RELEASE_LOCK('b')"u8, pins);
        Assert.False(pins.Any);
    }

    [Fact]
    public void A_lock_of_unknown_name_stays_until_all_are_released()
    {
        var pins = new SessionPins();
        NamedLocks.Observe("SELECT GET_LOCK(?, 1)"u8, pins);
        NamedLocks.Observe("SELECT RELEASE_LOCK(?)"u8, pins);
        Assert.True(pins.Any);
        NamedLocks.Observe("SELECT RELEASE_ALL_LOCKS()"u8, pins);
        Assert.False(pins.Any);
    }

    [Fact]
    public void The_last_temporary_table_dropped_unpins()
    {
        var pins = new SessionPins();
        pins.TemporaryTableCreated("s", "a");
        pins.TemporaryTableCreated("s", "b");
        pins.TableDropped("s", "A");
        Assert.True(pins.Any);
        pins.TableDropped("s", "b");
        pins.TableDropped("s", "never_there");
        Assert.False(pins.Any);
    }

    [Fact]
    public void Every_reason_has_words()
    {
        var pins = new SessionPins();
        Assert.Empty(pins.Describe());
        foreach (var reason in Enum.GetValues<PinReasons>())
        {
            pins.Add(reason);
        }

        Assert.Equal(Enum.GetValues<PinReasons>().Length - 1, pins.Describe().Distinct().Count());
    }

    [Fact]
    public void The_first_routine_whose_effects_are_not_known_is_named()
    {
        var pins = new SessionPins();
        pins.RoutineCalled("shop.p, which creates or drops a temporary table");
        pins.RoutineCalled("shop.q, whose definition could not be read");
        Assert.Equal("it has called shop.p, which creates or drops a temporary table", Assert.Single(pins.Describe()));
        pins.Clear();
        pins.RoutineCalled(null);
        Assert.Equal("it has called a stored routine, which may have left state behind", Assert.Single(pins.Describe()));
    }
}
