using Switchyard.Client;

namespace Switchyard.Replication.Tests.Streams;

[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class LostAnswerTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mariadb-10.11", "mysql-5.6")]
    public async Task A_commit_whose_answer_is_lost_is_neither_repeated_nor_forgotten(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 800);
        await using var relay = new LossyRelay(scenario.To.Host, scenario.To.Port);
        await scenario.RecordAsync(change: d => d with { To = scenario.To with { Port = relay.Port, SslMode = SslMode.Disabled }, GroupBytes = 2000 });
        await using var stream = await scenario.OpenAsync();
        relay.LoseEvery(9, atMost: 8);
        await using (var writers = await Writers.StartAsync(scenario, 2, CopyUnderWritesTests.Write))
        {
            await new TableCopier(stream, new CopyOptions { Threads = 2, FirstChunkRows = 120, MaxChunkRows = 120 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
            relay.LoseEvery(3, atMost: 3);
            var enough = relay.Lost + 3;
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
            while (relay.Lost < enough)
            {
                limit.Token.ThrowIfCancellationRequested();
                await Scenario.CatchUpAsync(stream);
            }
        }

        await Scenario.CatchUpAsync(stream);
        Assert.InRange(relay.Lost, 4, 11);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }
}
