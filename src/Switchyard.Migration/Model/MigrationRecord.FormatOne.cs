using System.Text.Json.Serialization;

namespace Switchyard.Migration;

/// <summary>Records as earlier versions wrote them become those of now when they are read: of format 1, which knew a single schema, and with the copy's progress inside.</summary>
internal sealed partial record MigrationRecord : IJsonOnDeserialized
{
    private IReadOnlyList<MigratedSchema> _schemas = [];
    private HandoverRecord _handover = new();
    private IReadOnlyList<TableStatus> _copied = [];

    [JsonInclude]
    [JsonPropertyName("tables")]
    private IReadOnlyList<string>? _tablesOfOne;

    [JsonInclude]
    [JsonPropertyName("copied")]
    private IReadOnlyList<TableStatus>? _copiedInside;

    [JsonInclude]
    [JsonPropertyName("whole_schema")]
    private bool? _wholeSchema;

    [JsonInclude]
    [JsonPropertyName("schema_made_here")]
    private bool? _schemaMadeHere;

    void IJsonOnDeserialized.OnDeserialized()
    {
        _copied = _copiedInside ?? [];
        _copiedInside = null;
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
