using System.Text;
using System.Text.Json.Serialization;

namespace Switchyard.Topology;

/// <summary>
/// An external server Switchyard is attached to. <see cref="Dsn"/> holds a password: it is encrypted in the store and appears neither in
/// <see cref="ToString"/> nor in JSON.
/// </summary>
public sealed record Backend(string Name, [property: JsonIgnore] string Dsn)
{
    /// <summary>The server's own version text when it was added, for display.</summary>
    public string? ServerVersion { get; init; }

    public DateTimeOffset AddedAt { get; init; }

    /// <summary>DSNs of servers whose place this one has taken (<c>backend move</c>), which are not to come back by a configuration written before.</summary>
    [JsonIgnore]
    public IReadOnlyList<string> DsnsBefore { get; init; } = [];

    /// <summary>The DSN with the password replaced, fit for logs and answers.</summary>
    [JsonPropertyName("dsn")]
    public string RedactedDsn => DsnRedaction.Redact(Dsn);

    private bool PrintMembers(StringBuilder builder)
    {
        builder.Append("Name = ").Append(Name).Append(", Dsn = ").Append(RedactedDsn);
        return true;
    }
}
