using System.Collections.Immutable;
using System.Net;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.WebConsole.Tests;

public sealed class PageTests
{
    private static readonly DateTimeOffset s_now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public async Task The_overview_shows_every_migration_with_its_state_and_who_serves()
    {
        await using var host = await ConsoleHost.StartAsync();
        host.Migrations.Set(Samples.Status("shop", MigrationState.Validating, s_now), Samples.Journal("switch-0002", s_now, Samples.SwitchSteps));
        host.Migrations.Set(Samples.Status("catalog", MigrationState.Copying, s_now));
        host.Migrations.Set(Samples.Status("ledger", MigrationState.Error, s_now));

        var html = await host.Client.GetStringAsync(new Uri("/", UriKind.Relative));
        Assert.Contains("href=\"/migrations/shop\"", html);
        Assert.Contains("validating", html);
        Assert.Contains("reads 25 %", html);
        Assert.Contains("reads 75 %", html);
        Assert.Contains("59.6%", html);
        Assert.Contains("<b>64 ms</b> pause", html);
        Assert.Contains("it was purged before it was read", html);
    }

    [Fact]
    public async Task Without_a_migration_the_overview_says_how_to_make_one()
    {
        await using var host = await ConsoleHost.StartAsync();
        Assert.Contains("switchyard migration create", await host.Client.GetStringAsync(new Uri("/", UriKind.Relative)));
    }

    [Fact]
    public async Task A_migrations_page_shows_tables_steps_and_only_the_actions_its_state_allows()
    {
        await using var host = await ConsoleHost.StartAsync();
        host.Migrations.Set(Samples.Status("crm", MigrationState.Switched, s_now), Samples.Journal("switch-0001", s_now, Samples.SwitchSteps));
        var html = await host.Client.GetStringAsync(new Uri("/migrations/crm", UriKind.Relative));
        Assert.Contains("order_lines", html);
        Assert.Contains("prime-reverse", html);
        Assert.Contains("/console/actions/crm/reverse", html);
        Assert.Contains("/console/actions/crm/complete", html);
        Assert.DoesNotContain("/console/actions/crm/switch\"", html);
        Assert.DoesNotContain("/console/actions/crm/cancel", html);

        host.Migrations.Set(Samples.Status("crm", MigrationState.Switching, s_now));
        html = await host.Client.GetStringAsync(new Uri("/migrations/crm", UriKind.Relative));
        Assert.Contains("switch: catch-up", html);
        Assert.DoesNotContain("/console/actions/crm/reverse", html);
        Assert.DoesNotContain("/console/actions/crm/cancel", html);
    }

    [Fact]
    public async Task A_migrations_page_shows_where_reads_go_and_which_statements_answer_differently()
    {
        await using var host = await ConsoleHost.StartAsync();
        host.Migrations.Set(Samples.Status("shop", MigrationState.Validating, s_now) with
        {
            Validation = new ValidationStatus
            {
                On = true,
                Percent = 25,
                Shadow = 10,
                Summary = "1,200 reads of 2 shapes compared; 3 differ; target p99 1.1 × source",
                Routed = new RoutedReads { OnTarget = 5_000, FellBackByLag = 42 },
                Compared = new ShadowReadCounts
                {
                    Compared = 1_200,
                    Different = 3,
                    ShapeCount = 2,
                    DifferentShapeCount = 1,
                    NotRun = ImmutableSortedDictionary<string, long>.Empty.Add("the queue is full", 8),
                    Shapes =
                    [
                        new ShadowShape
                        {
                            Shape = "SELECT <b> FROM t WHERE a = ?", Compared = 3, Different = 3,
                            Samples = [new ShadowDifference(s_now, "values", "as many rows, with other values", 4, 4, 2, ["price"])],
                        },
                    ],
                },
            },
        });
        var html = await host.Client.GetStringAsync(new Uri("/migrations/shop", UriKind.Relative));
        Assert.Contains("1,200 reads of 2 shapes compared; 3 differ; target p99 1.1 × source", WebUtility.HtmlDecode(html));
        Assert.Contains("SELECT &lt;b&gt; FROM t WHERE a = ?", html);
        Assert.Contains("as many rows, with other values; first at row 2; price", html);
        Assert.Contains("5,000", html);
        Assert.Contains("8: the queue is full", html);
    }

    [Fact]
    public async Task A_migrations_page_shows_what_is_to_be_looked_at()
    {
        await using var host = await ConsoleHost.StartAsync();
        var status = Samples.Status("shop", MigrationState.Switched, s_now);
        host.Migrations.Set(status with
        {
            ForeignWrites = 3,
            Throttle = status.Throttle with { State = "paused", Reason = "held by the operator" },
            Findings = [new Finding(FindingSeverity.Warning, "log_near_purge", "The log is about to be purged.", "Keep it longer."), new Finding(FindingSeverity.Information, "x", "Nothing of note.", "")],
        });
        var html = await host.Client.GetStringAsync(new Uri("/migrations/shop", UriKind.Relative));
        Assert.Contains("3 transactions of others on mysql-57", html);
        Assert.Contains("paused: held by the operator", html);
        Assert.Contains("The log is about to be purged.", html);
        Assert.DoesNotContain("Nothing of note.", html);
    }

    [Fact]
    public async Task A_comparison_shows_the_values_that_were_asked_for()
    {
        await using var host = await ConsoleHost.StartAsync();
        host.Migrations.Set(Samples.Status("shop", MigrationState.Error, s_now));
        var sample = new DiffSample("different", "5", ["price"], ["1.50"], [null]);
        host.Migrations.Diffs["shop"] = new DiffReport(new DiffStatus("differences", 1, 1, s_now, s_now, 1, null), [new DiffTableReport("orders", "done", 1, 0, 0, 1, [sample])]);
        var html = await host.Client.GetStringAsync(new Uri("/migrations/shop", UriKind.Relative));
        Assert.Contains("price: <code>1.50</code> | <code>NULL</code>", html);
    }

    [Theory]
    [InlineData("failed", true, false)]
    [InlineData("stopped", true, false)]
    [InlineData("differences", false, true)]
    public async Task A_comparison_can_be_gone_on_with_or_repaired_where_the_verb_would_do_it(string state, bool resume, bool repair)
    {
        await using var host = await ConsoleHost.StartAsync();
        host.Migrations.Set(Samples.Status("shop", MigrationState.Running, s_now) with { Diff = new DiffStatus(state, 10, 2, s_now, state == "differences" ? s_now : null, 1, null) });
        var html = await host.Client.GetStringAsync(new Uri("/migrations/shop", UriKind.Relative));
        Assert.Equal((resume, repair), (html.Contains("/console/actions/shop/diff-resume", StringComparison.Ordinal), html.Contains("/console/actions/shop/diff-repair", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task What_a_server_or_an_operator_named_is_text_and_never_markup()
    {
        await using var host = await ConsoleHost.StartAsync();
        host.Migrations.Set(Samples.Status("shop", MigrationState.Error, s_now, source: "<script>alert(1)</script>") with { Error = "bad <img src=x onerror=alert(2)> row" });
        foreach (var page in new[] { "/", "/migrations/shop", "/migrations/%3Cscript%3E" })
        {
            var html = await (await host.Client.GetAsync(new Uri(page, UriKind.Relative))).Content.ReadAsStringAsync();
            Assert.DoesNotContain("<script>", html);
            Assert.DoesNotContain("<img", html);
        }
    }

    [Fact]
    public async Task An_unknown_migration_is_not_found()
    {
        await using var host = await ConsoleHost.StartAsync();
        var answer = await host.Client.GetAsync(new Uri("/migrations/none", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("There is no migration named", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Routing_and_proxies_show_the_topology_without_secrets()
    {
        await using var host = await ConsoleHost.StartAsync();
        var lease = await host.Topology.Store.GrantLeaseAsync(TimeSpan.FromMinutes(10));
        await host.Topology.Begin().Put(new Backend("old", "mysql://root:s3cret@10.1.1.1:3306/") { ServerVersion = "5.7.44" })
            .Put(new RoutingTable(3, "old", [new RoutingRule("shop", "orders", "old", "new", "shop", 25)]))
            .Put(new ProxyMember("proxy-1", "127.0.0.1:4306", s_now), lease)
            .Put(new Gate("g1", "shop", 4, GateState.Held, s_now, [new TableScope("shop", null)], 10, 10))
            .Put(new GateAck("g1", "proxy-1", true, false, 14, 1, false, [new Blocker(81, "10.0.7.3:5", "UPDATE t SET a = ?", 4210, "open transaction")]))
            .CommitAsync();
        host.Sessions.All.Add(new ConsoleSession { Id = 81, User = "app", Client = "10.0.7.3:5", State = "held", Pins = ["temporary table tmp"] });

        var routing = await FollowUntilAsync(host, "/console/live/routing", html => html.Contains("shop", StringComparison.Ordinal));
        Assert.Contains("25 %", routing);
        Assert.Contains("5.7.44", routing);
        Assert.DoesNotContain("s3cret", routing);

        var proxies = await host.Client.GetStringAsync(new Uri("/proxies", UriKind.Relative));
        Assert.Contains("draining, 14 held", proxies);
        Assert.Contains("open transaction", proxies);
        Assert.Contains("temporary table tmp", proxies);
    }

    [Fact]
    public async Task An_open_page_is_told_of_a_change_without_asking()
    {
        await using var host = await ConsoleHost.StartAsync();
        host.Migrations.Set(Samples.Status("shop", MigrationState.Running, s_now));
        using var stream = await OpenAsync(host, "/console/live/migration?name=shop");
        Assert.Contains("running", await stream.NextAsync());

        host.Migrations.Set(Samples.Status("shop", MigrationState.Switched, s_now));
        host.Migrations.Publish("shop", "state", "switching → switched");
        Assert.Contains("/console/actions/shop/reverse", await stream.UntilAsync(html => html.Contains("switched", StringComparison.Ordinal)));

        host.Migrations.All.Clear();
        host.Migrations.Publish("shop", "state", "deleted");
        Assert.Contains("There is no migration named", await stream.UntilAsync(html => html.Contains("no migration", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Open_pages_do_not_keep_the_process_from_ending()
    {
        var host = await ConsoleHost.StartAsync();
        using var stream = await OpenAsync(host, "/console/live/overview");
        await stream.NextAsync();
        await host.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(4));
    }

    [Fact]
    public async Task Events_are_kept_for_pages_opened_later()
    {
        await using var host = await ConsoleHost.StartAsync();
        host.Migrations.Publish("shop", "step", "switch-0001: hold");
        Assert.Contains("switch-0001: hold", await FollowUntilAsync(host, "/console/live/events", html => html.Contains("hold", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_page_takes_scripts_and_styles_from_itself_only_and_its_files_can_be_kept()
    {
        await using var host = await ConsoleHost.StartAsync();
        var page = await host.Client.GetAsync(new Uri("/", UriKind.Relative));
        Assert.Contains("default-src 'none'", page.Headers.GetValues("Content-Security-Policy").Single());
        var html = await page.Content.ReadAsStringAsync();
        Assert.DoesNotContain("http://", html.Replace("http://www.w3.org", "", StringComparison.Ordinal));
        Assert.DoesNotContain("https://", html);
        foreach (var name in new[] { "console.css", "console.js", "favicon.svg" })
        {
            var asset = await host.Client.GetAsync(new Uri(EmbeddedAssets.Url(name), UriKind.Relative));
            Assert.Equal(HttpStatusCode.OK, asset.StatusCode);
            Assert.Contains("immutable", asset.Headers.CacheControl!.ToString());
        }

        Assert.Equal(HttpStatusCode.NotFound, (await host.Client.GetAsync(new Uri("/console/none.js", UriKind.Relative))).StatusCode);
    }

    private static async Task<string> FollowUntilAsync(ConsoleHost host, string url, Func<string, bool> condition)
    {
        using var stream = await OpenAsync(host, url);
        return await stream.UntilAsync(condition);
    }

    private static async Task<PageStream> OpenAsync(ConsoleHost host, string url) => new(await host.Client.GetStreamAsync(new Uri(url, UriKind.Relative)));

    private sealed class PageStream(Stream stream) : IDisposable
    {
        private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(4);
        private readonly IAsyncEnumerator<System.Net.ServerSentEvents.SseItem<string>> _items =
            System.Net.ServerSentEvents.SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator();

        public async Task<string> NextAsync()
        {
            Assert.True(await _items.MoveNextAsync().AsTask().WaitAsync(s_limit), "The stream ended.");
            return _items.Current.Data;
        }

        public async Task<string> UntilAsync(Func<string, bool> condition)
        {
            while (true)
            {
                var html = await NextAsync();
                if (condition(html))
                {
                    return html;
                }
            }
        }

        public void Dispose() => stream.Dispose();
    }
}
