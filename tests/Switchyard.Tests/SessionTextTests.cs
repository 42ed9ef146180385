using System.Text.Json;
using Switchyard.Api;
using Switchyard.Cli;
using Switchyard.Cli.Rendering;
using Switchyard.Migration;

namespace Switchyard.Tests;

public sealed class SessionTextTests
{
    private static readonly SessionInfo s_refused = new()
    {
        Id = 1_073_741_825,
        ConnectionId = 815,
        User = "app",
        Client = "127.0.0.1:4711",
        State = "idle",
        Refusals = [new("t", "Access denied for user 'app'@'10.0.0.1' (using password: YES)", DateTimeOffset.UnixEpoch)],
    };

    [Fact]
    public void A_session_that_the_other_side_refuses_is_named_with_its_words_and_since_when()
    {
        using var text = new StringWriter();
        OtherText.Sessions(CliContext.CreateConsole(text, redirected: true), [s_refused, s_refused with { Id = 1_073_741_826, Refusals = [] }]);
        Assert.Contains(
            "Session 1073741825: backend 't' has not let 'app' in since 1970-01-01 00:00:00Z: Access denied for user 'app'@'10.0.0.1' (using password: YES)",
            text.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("Session 1073741826", text.ToString(), StringComparison.Ordinal);

        // What a server's process list has, beside the id that verbs take.
        Assert.Contains(" 815 ", text.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Refusals_are_in_the_json_beside_what_was_there_before()
    {
        var json = JsonSerializer.SerializeToElement(s_refused, MigrationJson.Options);
        Assert.Equal("t", json.GetProperty("refusals")[0].GetProperty("backend").GetString());
        Assert.StartsWith("Access denied", json.GetProperty("refusals")[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Equal(DateTimeOffset.UnixEpoch, json.GetProperty("refusals")[0].GetProperty("since").GetDateTimeOffset());
        Assert.Equal(JsonValueKind.Array, json.GetProperty("pins").ValueKind);
    }
}
