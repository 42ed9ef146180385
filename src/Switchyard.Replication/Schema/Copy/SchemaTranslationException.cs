namespace Switchyard.Replication.Schema;

/// <summary>The source's schema cannot be expressed on the target; nothing was created.</summary>
public sealed class SchemaTranslationException(IReadOnlyList<GateFinding> findings)
    : Exception(string.Join(' ', findings.Select(f => f.ToString())))
{
    /// <summary>Every reason.</summary>
    public IReadOnlyList<GateFinding> Findings { get; } = findings;
}
