using System.Collections.Immutable;

namespace Switchyard.Proxy.Shadow;

internal enum VerdictKind
{
    /// <summary>Both answered alike.</summary>
    Same,

    /// <summary>They did not, and the text of the statement leaves no choice.</summary>
    Different,

    /// <summary>They did not, and both may be right.</summary>
    Open,
}

/// <summary>What comparing two answers came to.</summary>
/// <param name="Kind">In short.</param>
/// <param name="What">Of a difference: <c>error</c>, <c>columns</c>, <c>rows</c>, <c>values</c> or <c>order</c>; of an open one, why.</param>
/// <param name="Detail">A sentence without any value.</param>
internal sealed record Verdict(VerdictKind Kind, string What, string Detail)
{
    public static Verdict Same { get; } = new(VerdictKind.Same, "", "");

    public long? FirstRow { get; init; }

    /// <summary>Rows of the source's answer; null when it was an error.</summary>
    public long? SourceRows { get; init; }

    /// <summary>Rows of the target's answer; null when it was an error.</summary>
    public long? TargetRows { get; init; }

    public ImmutableArray<string> Columns { get; init; } = [];

    public static Verdict Open(string why) => new(VerdictKind.Open, why, "");

    public static Verdict Different(ReadDigest source, ReadDigest target, string what, string detail) => new(VerdictKind.Different, what, detail)
    {
        SourceRows = source.ErrorCode is null ? source.Rows : null,
        TargetRows = target.ErrorCode is null ? target.Rows : null,
    };
}
