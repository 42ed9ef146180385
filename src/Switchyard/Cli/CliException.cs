using System.Text.Json;

namespace Switchyard.Cli;

/// <summary>A verb that did not do what was asked. <see cref="Document"/> is what <c>--format json</c> prints instead of an answer.</summary>
internal sealed class CliException(int exitCode, string message, string remedy = "") : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    public string Remedy { get; } = remedy;

    public JsonElement? Document { get; init; }

    /// <summary>Findings of a check that refused, one sentence each.</summary>
    public IReadOnlyList<Migration.Finding> Findings { get; init; } = [];

    /// <summary>What a switch did and undid.</summary>
    public Migration.SwitchReport? Report { get; init; }
}
