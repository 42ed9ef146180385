using System.Globalization;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Xunit.Abstractions;

namespace Switchyard.Proxy.Tests.Hostile;

/// <summary>
/// Clients that send anything at any moment do no harm to others. 400 of them by default, 20,000 with SWITCHYARD_FULL=1; SWITCHYARD_SEED chooses
/// others. A seed that failed becomes a line of <see cref="Seeds_that_failed_once_fail_no_more"/>.
/// </summary>
[Collection(MeasuredAlone.Name)]
[Trait("Category", "Integration")]
public sealed class FrontendFuzzTests(ITestOutputHelper output)
{
    private const string User = "fuzz";
    private const string Password = "fuzz-password";
    private const int Parallelism = 8;

    /// <summary>What one proxy may come to hold for eight clients at a time, none of which sends more than some 100 KB.</summary>
    private const long MaxGrowthBytes = 64 << 20;

    [Fact]
    public async Task Nothing_a_client_can_send_harms_another()
    {
        var first = int.TryParse(Environment.GetEnvironmentVariable("SWITCHYARD_SEED"), NumberStyles.Integer, CultureInfo.InvariantCulture, out var chosen) ? chosen : 1;
        await RunAsync(Enumerable.Range(first, Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1" ? 20_000 : 400));
    }

    [Theory]
    [InlineData(1)]
    public async Task Seeds_that_failed_once_fail_no_more(int seed) => await RunAsync([seed]);

    private async Task RunAsync(IEnumerable<int> seeds)
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        var options = new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromSeconds(5), ProxyProtocolNetworks = [System.Net.IPNetwork.Parse("127.0.0.0/8")] };
        await using var harness = await ProxyHarness.StartAsync(options, ("s", server));

        // No more rights than harm nobody else on the server: it is shared.
        await harness.DirectAsync(
            server, $"CREATE OR REPLACE USER {User}@'%' IDENTIFIED BY '{Password}'", $"GRANT SELECT, INSERT ON {harness.Schema}.* TO {User}@'%'", "CREATE TABLE t (a INT)");
        await using var other = await harness.ConnectAsync();
        var before = GC.GetTotalMemory(forceFullCollection: true);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(20));
        await Parallel.ForEachAsync(
            seeds,
            new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = limit.Token },
            async (seed, cancellationToken) =>
            {
                try
                {
                    using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                    patience.CancelAfter(TimeSpan.FromMinutes(4));
                    await new FrontendFuzz(seed, harness.Proxy.EndPoint, User, Password, harness.Schema).RunAsync(patience.Token);
                }
                catch (Exception exception)
                {
                    output.WriteLine($"seed {seed}: {exception}");
                    throw new InvalidOperationException($"seed {seed} failed", exception);
                }

                if (harness.Errors.Count > 0)
                {
                    output.WriteLine($"by seed {seed}, or one of the {Parallelism - 1} beside it: {harness.Errors[0]}");
                }
            });

        Assert.Empty(harness.Errors);
        Assert.Equal("1", (await other.QueryAsync("SELECT 1", limit.Token)).GetString(0, 0));
        while (harness.Proxy.SessionCount > 1)
        {
            await Task.Delay(20, limit.Token);
        }

        await using var late = await harness.ConnectAsync(limit.Token);
        Assert.Equal("1", (await late.QueryAsync("SELECT 1", limit.Token)).GetString(0, 0));
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, MaxGrowthBytes);
    }
}
