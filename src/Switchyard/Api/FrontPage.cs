using System.Text.Encodings.Web;
using Switchyard.Hosting;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.Api;

/// <summary>What a browser sees at <c>/</c>: where everything stands, reloaded by itself. Plain HTML, no script.</summary>
internal static class FrontPage
{
    /// <summary>Seconds between reloads.</summary>
    private const int Reload = 2;

    public static void Map(IEndpointRouteBuilder app) => app.MapGet("/", async (Engines engines, TopologyView view, ISessionDirectory sessions, CancellationToken ct) =>
    {
        var rows = new List<string>();
        if (engines.IsStarted)
        {
            foreach (var migration in await engines.Migrations.ListAsync(ct))
            {
                rows.Add(Row(await engines.Migrations.StatusAsync(migration.Name, ct)));
            }
        }

        return Results.Content(Page(view.Current, sessions.Count, rows), "text/html; charset=utf-8");
    }).ExcludeFromDescription();

    private const string Style = """
        <style>body{font:15px system-ui,sans-serif;margin:2rem;color:#222}table{border-collapse:collapse}
        td,th{text-align:left;padding:.3rem 1.2rem .3rem 0;border-bottom:1px solid #ddd}
        @media(prefers-color-scheme:dark){body{background:#181a1b;color:#ddd}td,th{border-color:#444}a{color:#8ab4f8}}</style>
        """;

    private const string None = "<p>There are no migrations yet: <code>switchyard migration create NAME --source B --target B --schema S</code></p>";

    private static string Page(TopologyState state, int sessions, List<string> rows) => $"""
        <!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="{Reload}"><title>Switchyard</title>{Style}</head><body>
        <h1>Switchyard</h1>
        <p>{sessions} sessions. Routing epoch {state.Routing.Epoch}; tables without a rule are at {Text(state.Routing.DefaultBackend ?? "no backend")}.</p>
        <table><tr><th>Migration<th>State<th>Schema<th>From<th>To<th>Writes<th>Reads<th>Copied<th>Lag<th>Diff</tr>{string.Concat(rows)}</table>
        {(rows.Count == 0 ? None : "")}
        <p><a href="/openapi/v1.json">API</a> · <a href="/metrics">metrics</a></p></body></html>
        """;

    private static string Row(MigrationStatus status)
    {
        var lag = (status.Reverse?.State == "running" ? status.Reverse : status.Stream)?.LagSeconds;
        string[] cells =
        [
            status.Name,
            status.State.ToString().ToLowerInvariant() + (status.Operation is { } operation ? $" ({operation})" : ""),
            status.Schema,
            status.Source,
            status.Target,
            status.Writes,
            status.Reads,
            status.Copy is { } copy ? $"{copy.RowsCopied:N0} of about {copy.RowsEstimated:N0}" : "",
            lag is { } seconds ? $"{seconds:N1} s" : "",
            status.Diff is { } diff ? $"{diff.State}, {diff.Differences:N0} differences" : "",
        ];
        return $"<tr>{string.Concat(cells.Select(cell => $"<td>{Text(cell)}"))}</tr>"
            + (status.Error is { } error ? $"<tr><td><td colspan=9><b>{Text(error)}</b> {Text(status.Remedy ?? "")}</tr>" : "");
    }

    private static string Text(string text) => HtmlEncoder.Default.Encode(text);
}
