using Switchyard.Conformance.Tests.Harness;

namespace Switchyard.Conformance.Tests;

/// <summary>Programs that drive real clients hard say the same run direct and through the proxy.</summary>
[Trait("Category", "Integration")]
[Collection(ConformanceCollection.Name)]
public sealed class ClientTests(ConformanceServers servers)
{
    private static readonly string[] s_servers = ["mariadb-10.11", "mariadb-11.8", "mysql-5.6", "mysql-9.7"];

    /// <summary>Every client on one server, and one client of each kind on another vendor's; all on all in the full run.</summary>
    public static TheoryData<string, string> Runs
    {
        get
        {
            var runs = new TheoryData<string, string>();
            foreach (var server in s_servers)
            {
                foreach (var program in ClientProgram.All)
                {
                    if (ProgramRun.IsFull || server == "mariadb-10.11" || (server == "mysql-9.7" && program.Name is "mysql2" or "mysqli"))
                    {
                        runs.Add(program.Name, server);
                    }
                }
            }

            return runs;
        }
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task A_client_cannot_tell_the_proxy_from_the_server(string client, string name)
    {
        var program = ClientProgram.Named(client);
        var pair = await servers.GetAsync(name);
        await ConformanceServers.FillAsync(pair.Server, pair.Harness.Schema);
        var direct = await program.RunAsync(pair.Server.Port, pair.Harness.Schema, EnvironmentFor(name));
        await ConformanceServers.FillAsync(pair.Server, pair.Harness.Schema);
        var proxied = await program.RunAsync(pair.ProxyPort, pair.Harness.Schema, EnvironmentFor(name));

        // It ran to its end, so that two early failures do not count as agreement.
        Assert.True(direct.ExitCode == 0, direct.Output);
        Difference.AssertNone(Difference.Of(direct.Lines(pair.Server.Port, pair.ProxyPort), proxied.Lines(pair.Server.Port, pair.ProxyPort)));
        Assert.Equal(direct.ExitCode, proxied.ExitCode);
    }

    /// <summary>The proxy offers TLS also where its server has none that today's clients would take, as MySQL 5.6.</summary>
    private static Dictionary<string, string>? EnvironmentFor(string name) => name == "mysql-5.6" ? new() { ["CONFORMANCE_TLS"] = "0" } : null;
}
