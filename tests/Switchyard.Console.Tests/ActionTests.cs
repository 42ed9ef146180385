using System.Net;
using Switchyard.Migration;

namespace Switchyard.WebConsole.Tests;

public sealed class ActionTests
{
    private static readonly DateTimeOffset s_now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public async Task A_confirmation_states_what_will_happen_and_changes_nothing()
    {
        await using var host = await HostAsync(MigrationState.Running);
        var html = await host.Client.GetStringAsync(new Uri("/console/actions/shop/switch", UriKind.Relative));
        Assert.Contains("mariadb-118 applies everything mysql-57 has acknowledged", html);
        Assert.Contains("point of no return", html);
        Assert.Contains("value=\"30\"", html);
        Assert.Empty(host.Migrations.Calls);
    }

    [Fact]
    public async Task A_switch_is_asked_for_with_the_settings_of_its_confirmation_and_reports_its_steps()
    {
        await using var host = await HostAsync(MigrationState.Running);
        SwitchRequest? asked = null;
        host.Migrations.OnSwitch = request =>
        {
            asked = request;
            return new SwitchReport { Result = "switched", Steps = [new StepTiming("hold", 18)], LongestHoldMs = 61.2, HeldStatements = 37, PauseMs = 66 };
        };
        var html = await PostAsync(host, "switch", ("timeout", "12.5"), ("drain", "3"), ("lag", "7"), ("fence", "read-only"), ("skip-diff", "on"));
        Assert.Equal(new SwitchRequest { TimeoutSeconds = 12.5, DrainTimeoutSeconds = 3, MaxReplicationLagAllowedSeconds = 7, Fence = FenceMode.ReadOnly, SkipDiff = true }, asked);
        Assert.Contains("Applications waited at most 61 ms", html);
        Assert.Contains("<td>hold</td>", html);
    }

    [Theory]
    [InlineData("rehearse", MigrationState.Running, "switch", "Rehearse = True")]
    [InlineData("dry-run", MigrationState.Running, "switch", "DryRun = True")]
    [InlineData("rehearse", MigrationState.Switched, "reverse", "Rehearse = True")]
    [InlineData("dry-run", MigrationState.Switched, "reverse", "DryRun = True")]
    [InlineData("reverse", MigrationState.Switched, "reverse", "DryRun = False, Rehearse = False")]
    [InlineData("start", MigrationState.Created, "start", "shop")]
    [InlineData("stop", MigrationState.Running, "stop", "shop")]
    [InlineData("validate", MigrationState.Running, "validate", "100 Global False")]
    [InlineData("validate-off", MigrationState.Validating, "validate", "True")]
    [InlineData("diff", MigrationState.Validating, "diff", "shop False")]
    [InlineData("repair", MigrationState.Error, "repair", "shop")]
    public async Task An_action_calls_its_verb(string action, MigrationState state, string verb, string settings)
    {
        await using var host = await HostAsync(state);
        await PostAsync(host, action);
        var call = Assert.Single(host.Migrations.Calls);
        Assert.StartsWith(verb + " shop", call);
        Assert.Contains(settings, call);
    }

    [Fact]
    public async Task Tables_to_add_are_asked_for_by_name()
    {
        await using var host = await HostAsync(MigrationState.Running);
        Assert.Contains("name=\"tables\"", await host.Client.GetStringAsync(new Uri("/console/actions/shop/add-table", UriKind.Relative)));
        await PostAsync(host, "add-table", ("tables", "shop.made, shop.more"));
        Assert.Equal("add-table shop shop.made shop.more", Assert.Single(host.Migrations.Calls));
    }

    [Theory]
    [InlineData("complete", MigrationState.Switched)]
    [InlineData("cancel", MigrationState.Running)]
    [InlineData("delete", MigrationState.Completed)]
    [InlineData("detach", MigrationState.Completed)]
    public async Task What_cannot_be_taken_back_wants_the_migrations_name(string action, MigrationState state)
    {
        await using var host = await HostAsync(state);
        Assert.Contains("data-must-be=\"shop\"", await host.Client.GetStringAsync(new Uri($"/console/actions/shop/{action}", UriKind.Relative)));
        Assert.Contains("does not match", await PostAsync(host, action, ("name", "shoq")));
        Assert.Contains("does not match", await PostAsync(host, action));
        Assert.Empty(host.Migrations.Calls);
        await PostAsync(host, action, ("name", "shop"));
        Assert.StartsWith(action + " shop", Assert.Single(host.Migrations.Calls));
    }

    [Theory]
    [InlineData(MigrationState.Switched, null)]
    [InlineData(MigrationState.Switched, "switch-0003")]
    [InlineData(MigrationState.Error, "complete-0004")]
    public async Task A_migration_whose_source_is_gone_is_completed_without_it(MigrationState state, string? operation)
    {
        await using var host = await ConsoleHost.StartAsync();
        host.Migrations.Set(Samples.Status("shop", state, s_now) with { Writes = "mariadb-118", Operation = operation });
        Assert.Contains("mysql-57 is gone for good", await host.Client.GetStringAsync(new Uri("/console/actions/shop/complete", UriKind.Relative)));

        await PostAsync(host, "complete", ("name", "shop"), ("abandon-source", "on"), ("source-data", "keep"));

        Assert.Equal("complete shop Keep False True", Assert.Single(host.Migrations.Calls));
    }

    [Fact]
    public async Task A_refusal_shows_every_finding_with_its_remedy()
    {
        await using var host = await HostAsync(MigrationState.Running);
        host.Migrations.OnSwitch = _ => throw new MigrationException("precheck", "Refused.", "", 3)
        {
            Findings = [new Finding(FindingSeverity.Error, "diff", "The last comparison is 9 hours old.", "Compare again.")],
        };
        var html = await PostAsync(host, "switch");
        Assert.Contains("Refused; nothing was changed.", html);
        Assert.Contains("The last comparison is 9 hours old.", html);
        Assert.Contains("Compare again.", html);
    }

    [Fact]
    public async Task A_number_that_is_none_is_said_so()
    {
        await using var host = await HostAsync(MigrationState.Running);
        Assert.Contains("is not a number of seconds", await PostAsync(host, "switch", ("timeout", "soon")));
        Assert.Empty(host.Migrations.Calls);
    }

    [Fact]
    public async Task A_form_of_another_page_does_nothing()
    {
        await using var host = await HostAsync(MigrationState.Running);
        using var form = new FormUrlEncodedContent([]);
        Assert.Equal(HttpStatusCode.Forbidden, (await host.Client.PostAsync(new Uri("/console/actions/shop/switch", UriKind.Relative), form)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await host.Client.PostAsync(new Uri("/console/sessions/5/kill", UriKind.Relative), form)).StatusCode);
        Assert.Empty(host.Migrations.Calls);
        Assert.Empty(host.Sessions.Killed);
    }

    [Fact]
    public async Task A_session_can_be_ended()
    {
        await using var host = await HostAsync(MigrationState.Running);
        host.Sessions.All.Add(new ConsoleSession { Id = 5, User = "app", Client = "c", State = "idle" });
        using var request = new HttpRequestMessage(HttpMethod.Post, "/console/sessions/5/kill");
        request.Headers.Add("X-Switchyard-Console", "1");
        Assert.Equal(HttpStatusCode.NoContent, (await host.Client.SendAsync(request)).StatusCode);
        Assert.Equal([5L], host.Sessions.Killed);
    }

    [Theory]
    [InlineData("/migrations/shop", "/migrations/shop")]
    [InlineData("//evil.example/", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("https://evil.example/", "/")]
    public async Task Signing_in_keeps_the_token_in_a_cookie_and_stays_on_this_server(string to, string expected)
    {
        await using var host = await HostAsync(MigrationState.Running);
        using var handler = new HttpClientHandler { AllowAutoRedirect = false };
        using var client = new HttpClient(handler) { BaseAddress = host.Address };
        using var form = new FormUrlEncodedContent([new("token", "t0ken"), new("to", to)]);
        var answer = await client.PostAsync(new Uri(ConsoleExtensions.SignInPath, UriKind.Relative), form);
        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.Equal(expected, answer.Headers.Location!.OriginalString);
        var cookie = answer.Headers.GetValues("Set-Cookie").Single();
        Assert.StartsWith("switchyard_token=t0ken;", cookie);
        Assert.Contains("httponly", cookie);
        Assert.Contains("samesite=strict", cookie);
    }

    private static async Task<ConsoleHost> HostAsync(MigrationState state)
    {
        var host = await ConsoleHost.StartAsync();
        host.Migrations.Set(Samples.Status("shop", state, s_now));
        return host;
    }

    private static async Task<string> PostAsync(ConsoleHost host, string action, params (string Name, string Value)[] fields)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/console/actions/shop/{action}");
        request.Headers.Add("X-Switchyard-Console", "1");
        request.Content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Name, f.Value)));
        var answer = await host.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync());
    }
}
