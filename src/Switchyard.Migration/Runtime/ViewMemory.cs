using System.Security.Cryptography;
using System.Text;

namespace Switchyard.Migration;

/// <summary>
/// What the views of schemas that move as a whole were like on one side, when the other one's were made or the sides changed: servers do not tell when a view was changed, and two servers
/// print the same one in different words.
/// </summary>
internal sealed class ViewMemory(MigrationEnvironment environment, MigrationRecord record)
{
    /// <summary>Keeps them as they are now. Safe to repeat.</summary>
    public async Task KeepAsync(Side side, IServerSide server, CancellationToken cancellationToken)
    {
        var views = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var schema in record.Schemas.Where(s => s.Whole))
        {
            foreach (var (view, text) in await server.ListViewTextsAsync(schema.Name, cancellationToken))
            {
                views[$"{view.Schema}.{view.Name}"] = Sign(text);
            }
        }

        await environment.Topology.Begin().PutValue(Key(record.Name, side), views).CommitAsync(cancellationToken);
    }

    /// <summary>Of some views, as they are now, those that were others when they were kept; none where nothing was kept.</summary>
    public async Task<IReadOnlyList<SchemaItem>> FindChangedAsync(Side side, IReadOnlyList<(SchemaItem View, string Text)> now, CancellationToken cancellationToken)
    {
        var kept = (await environment.Topology.GetAsync<Dictionary<string, string>>(Key(record.Name, side), cancellationToken))?.Value ?? [];
        return [.. now.Where(v => kept.TryGetValue($"{v.View.Schema}.{v.View.Name}", out var sign) && sign != Sign(v.Text)).Select(v => v.View)];
    }

    public static string Key(string migration, Side side) => $"views/{Uri.EscapeDataString(migration)}/{(side == Side.Source ? "source" : "target")}";

    private static string Sign(string text) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));
}
