using System.Text.Json.Serialization;

namespace Switchyard.Migration;

/// <summary>Records of format 1, which knew a single schema, become records of format 2 when they are read.</summary>
internal sealed partial record MigrationRecord : IJsonOnDeserialized
{
    private IReadOnlyList<MigratedSchema> _schemas = [];
    private HandoverRecord _handover = new();

    [JsonInclude]
    [JsonPropertyName("tables")]
    private IReadOnlyList<string>? _tablesOfOne;

    [JsonInclude]
    [JsonPropertyName("whole_schema")]
    private bool? _wholeSchema;

    [JsonInclude]
    [JsonPropertyName("schema_made_here")]
    private bool? _schemaMadeHere;

    void IJsonOnDeserialized.OnDeserialized()
    {
        if (_tablesOfOne is { } tables)
        {
            var name = Settings.Schema;
            _schemas = [new MigratedSchema(name, tables, _wholeSchema ?? false, _schemaMadeHere ?? false)];
            _handover = new HandoverRecord
            {
                Triggers = [.. _handover.Triggers.Select(t => t with { Schema = name })],
                Events = [.. _handover.Events.Select(e => e with { Schema = name })],
            };
            (_tablesOfOne, _wholeSchema, _schemaMadeHere) = (null, null, null);
        }
    }
}
