using System.Text.Json;
using System.Text.Json.Serialization;

namespace Switchyard.Topology;

/// <summary>How records are written in the store: snake_case names, enums by name, nulls left out.</summary>
public static class TopologyJson
{
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);

    /// <exception cref="TopologyStoreException">The value is not of that shape, for example because a newer version wrote it.</exception>
    public static T Read<T>(string key, string value)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(value, Options)
                ?? throw new TopologyStoreException($"The store's record {key} is empty; restore the store from a backup.");
        }
        catch (JsonException error)
        {
            throw new TopologyStoreException(
                $"The store's record {key} cannot be read as {typeof(T).Name}; it was written by another version of Switchyard. Start the version that wrote it.", error);
        }
    }
}
