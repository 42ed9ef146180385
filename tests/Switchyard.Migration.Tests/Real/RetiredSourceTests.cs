using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>The source is gone; its accounts' passwords are not.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RetiredSourceTests
{
    [Theory]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task With_generated_passwords_the_source_can_be_detached_and_clients_go_on_with_their_own(string source, string target)
    {
        // A source of its own: schemas of other tests would keep it the default backend.
        await using var retired = await LabServer.StartAsync(source);
        await using var world = await RealWorld.StartAsync(retired, await LabServer.SharedAsync(target, "target"), limited: false, Workload.TablesFor("mysql-5.6"));
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        var copied = await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        Assert.Equal("generated", copied.Accounts.Single(a => a.Account.Contains(world.AppUser, StringComparison.Ordinal)).Credential);
        await using var before = await world.OpenAppAsync();
        await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default);
        await before.ExecuteAsync("INSERT INTO words (word) VALUES ('before')", default);

        var report = await world.Service.CompleteAsync(world.Schema, new CompleteRequest(), default);
        Assert.True(report.Findings.All(f => f.Code != "default_stays"), string.Join(" ", report.Findings.Select(f => f.What)));
        await world.Service.DetachAsync(world.Schema, default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await world.View.WaitAsync(s => s.Routing.DefaultBackend == "b" && !s.Backends.ContainsKey("a"), limit.Token);

        await before.ExecuteAsync("INSERT INTO words (word) VALUES ('still')", default);
        await using (var app = await world.OpenAppAsync())
        {
            Assert.Equal(2, (await app.QueryAsync("SELECT COUNT(*) FROM words", default)).GetInt64(0, 0));
        }

        await AssertRefusedAsync(world, "wrong");
        await AssertRefusedAsync(world, "");

        // Somebody gives the account a password on the target: from then on that one counts, and ours is not used any more.
        await using (var admin = await BackendConnection.OpenAsync(world.TargetOptions, default))
        {
            await admin.ExecuteAsync($"ALTER USER '{world.AppUser}'@'%' IDENTIFIED BY 'An0ther-Passw0rd!'", default);
        }

        await AssertRefusedAsync(world, RealWorld.AppPassword);
        await using var own = await world.OpenAppAsync("An0ther-Passw0rd!");
        Assert.Equal(2, (await own.QueryAsync("SELECT COUNT(*) FROM words", default)).GetInt64(0, 0));
    }

    private static async Task AssertRefusedAsync(RealWorld world, string password) =>
        Assert.Equal(1045, (await Assert.ThrowsAsync<ServerErrorException>(() => world.OpenAppAsync(password))).Code);
}
