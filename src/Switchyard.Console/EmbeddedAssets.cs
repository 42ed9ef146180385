using System.Security.Cryptography;

namespace Switchyard.WebConsole;

/// <summary>Style sheet, script and icon, out of this assembly. A file's address carries its hash, so browsers may keep it for good.</summary>
internal static class EmbeddedAssets
{
    private static readonly Dictionary<string, Asset> s_assets = Load();

    public sealed record Asset(byte[] Content, string ContentType, string Version);

    public static Asset? Find(string name) => s_assets.GetValueOrDefault(name);

    public static string Url(string name) => $"/console/{name}?v={s_assets[name].Version}";

    private static Dictionary<string, Asset> Load()
    {
        var assembly = typeof(EmbeddedAssets).Assembly;
        var assets = new Dictionary<string, Asset>(StringComparer.Ordinal);
        foreach (var name in assembly.GetManifestResourceNames())
        {
            using var stream = assembly.GetManifestResourceStream(name)!;
            using var content = new MemoryStream();
            stream.CopyTo(content);
            var bytes = content.ToArray();
            var type = Path.GetExtension(name) switch
            {
                ".css" => "text/css; charset=utf-8",
                ".js" => "text/javascript; charset=utf-8",
                ".svg" => "image/svg+xml",
                _ => null,
            };
            if (type is not null)
            {
                assets[name] = new Asset(bytes, type, Convert.ToHexStringLower(SHA256.HashData(bytes))[..12]);
            }
        }

        return assets;
    }
}
