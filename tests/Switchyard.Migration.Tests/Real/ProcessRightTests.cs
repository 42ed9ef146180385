using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

[Trait("Category", "Integration")]
public sealed class ProcessRightTests
{
    public static TheoryData<string> Servers => [.. LabServer.All];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Whether_an_account_sees_the_connections_of_others_is_known(string name)
    {
        var options = ConnectionOptions.Parse((await LabServer.SharedAsync(name, "source")).Dsn);
        var user = LabServer.UniqueSchema();
        await using var admin = await BackendConnection.OpenAsync(options, default);
        await admin.ExecuteAsync($"CREATE USER '{user}'@'%' IDENTIFIED BY '{RealWorld.AppPassword}'", default);
        foreach (var sees in new[] { false, true })
        {
            if (sees)
            {
                await admin.ExecuteAsync($"GRANT PROCESS ON *.* TO '{user}'@'%'", default);
            }

            await using var side = new ServerSide(options with { User = user, Password = RealWorld.AppPassword }, ["mysql"]);
            Assert.Equal(sees, await side.SeesOthersAsync(default));
        }

        await admin.ExecuteAsync($"DROP USER '{user}'@'%'", default);
    }
}
