using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Migration.Tests.Real;

/// <summary>A session that the other side does not let in must not find that out at the switch.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class SessionAdmissionTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task A_switch_is_given_up_before_anything_is_held_when_the_target_refuses_a_live_session(string source, string target)
    {
        await using var world = await RealWorld.StartAsync(source, target, "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB");

        // There is an account of the name, with the rights, and another password: a comparison of names finds nothing.
        await using var admin = await BackendConnection.OpenAsync(world.TargetOptions, default);
        await admin.ExecuteAsync($"CREATE USER '{world.AppUser}'@'%' IDENTIFIED BY 'Another-Passw0rd!'", default);
        await admin.ExecuteAsync($"GRANT ALL ON {world.Schema}.* TO '{world.AppUser}'@'%'", default);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await using var app = await world.OpenAppAsync();
        await app.ExecuteAsync("INSERT INTO t (v) VALUES (1)", default);

        var isHeld = false;
        MigrationException refused;
        using (FaultPoints.Arm($"switch.{CutoverSteps.Hold}.before", _ =>
        {
            isHeld = true;
            return ValueTask.CompletedTask;
        }))
        {
            refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default));
        }

        Assert.Equal(5, refused.ExitCode);
        Assert.Contains($"'{world.AppUser}'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("does not let them in", refused.Message, StringComparison.Ordinal);
        Assert.False(isHeld);
        await app.ExecuteAsync("INSERT INTO t (v) VALUES (2)", default);
        Assert.Equal("a", (await world.Service.StatusAsync(world.Schema, default)).Writes);

        await admin.ExecuteAsync($"ALTER USER '{world.AppUser}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'", default);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default)).Result);
        await app.ExecuteAsync("INSERT INTO t (v) VALUES (3)", default);
        await using var authoritative = await world.OpenTargetAsync();
        Assert.Equal("3", (await authoritative.QueryAsync("SELECT COUNT(*) FROM t", default)).GetString(0, 0));
        await admin.ExecuteAsync($"DROP USER '{world.AppUser}'@'%'", default);
    }
}
