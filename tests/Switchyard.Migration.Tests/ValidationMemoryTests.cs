using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>Validation takes days, and no process has to live for as long.</summary>
[Collection("faults")]
public sealed class ValidationMemoryTests
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_validation_has_found_outlives_the_process_and_is_added_to_until_the_count_begins_anew(bool endsInGoodOrder)
    {
        await using var world = await World.StartAsync();
        world.Limits = new MigrationServiceOptions { ValidationSaveInterval = endsInGoodOrder ? TimeSpan.FromDays(1) : TimeSpan.FromMilliseconds(10) };
        await world.RestartAsync();
        await world.CreateRunningAsync();
        await world.Service.ValidateAsync("shop", new ValidateRequest { Shadow = 10 }, default);
        var refused = new ShadowShape
        {
            Shape = "SELECT SHA1(a) FROM t",
            Compared = 7,
            Different = 7,
            Samples = [new ShadowDifference(TimeProvider.System.GetUtcNow(), "error", "source: 3 rows, target: error 1305", 3, null, null, [])],
        };
        var counts = new ShadowReadCounts
        {
            Compared = 1_000, Different = 7, ShapeCount = 2, DifferentShapeCount = 1, Queued = 4, SourceP99 = 0.010, TargetP99 = 0.020,
            Shapes = [refused, new ShadowShape { Shape = "SELECT a FROM t", Compared = 993 }],
        };
        world.Validation.Join("p1", new FakeReadObserver(counts, new RoutedReads { OnTarget = 50, Waiting = 3 }));
        if (endsInGoodOrder)
        {
            // Proxies stop before what looks after migrations.
            await world.Service.StatusAsync("shop", default);
            world.Validation.Leave("p1");
            Assert.Equal(1_000, (await world.Service.StatusAsync("shop", default)).Validation!.Compared.Compared);
        }
        else
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
            while (await world.Topology.GetAsync<ValidationRecord>(ValidationRecord.Key("shop"), limit.Token) is null)
            {
                await Task.Delay(2, limit.Token);
            }
        }

        await world.RestartAsync();
        var status = (await world.Service.StatusAsync("shop", default)).Validation!;
        Assert.Equal("1,000 reads of 2 shapes compared; 7 differ; target p99 2.0 × source", status.Summary);
        Assert.Equal((50, 0, 0), (status.Routed.OnTarget, status.Routed.Waiting, status.Compared.Queued));
        Assert.Equal("error", Assert.Single(Assert.Single(status.Compared.Shapes).Samples).Kind);
        await world.UntilAsync(MigrationState.Validating);
        var barred = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request, default));
        Assert.Contains(barred.Findings, f => f.Code == "shadow_error");

        world.Validation.Join("p1", new FakeReadObserver(counts with { Compared = 500, Different = 1, Shapes = [refused with { Compared = 1, Different = 1 }] }, new RoutedReads { OnTarget = 8 }));
        status = (await world.Service.StatusAsync("shop", default)).Validation!;
        Assert.Equal((1_500, 8, 58), (status.Compared.Compared, status.Compared.Different, status.Routed.OnTarget));
        Assert.Equal((8, 2), (Assert.Single(status.Compared.Shapes).Different, status.Compared.Shapes[0].Samples.Length));

        world.Validation.Leave("p1");
        await world.Service.ValidateAsync("shop", new ValidateRequest { Off = true }, default);
        Assert.Equal(1_500, (await world.Service.ShowValidationAsync("shop", default)).Compared.Compared);
        await world.Service.ValidateAsync("shop", new ValidateRequest { Shadow = 10 }, default);
        Assert.Equal(0, (await world.Service.ShowValidationAsync("shop", default)).Compared.Compared);
        await world.RestartAsync();
        Assert.Equal(0, (await world.Service.ShowValidationAsync("shop", default)).Compared.Compared);
    }
}
