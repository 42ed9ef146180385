namespace Switchyard.Migration;

/// <summary>How much a finding matters: an error refuses the verb, a warning is worth reading, information is for the record.</summary>
public enum FindingSeverity
{
    /// <summary>For the record.</summary>
    Information,

    /// <summary>Worth reading; does not stop anything.</summary>
    Warning,

    /// <summary>Refuses the verb.</summary>
    Error,
}

/// <summary>One thing a check found, as a sentence, with what to do about it.</summary>
/// <param name="Severity">Whether it refuses.</param>
/// <param name="Code">Stable name in snake_case.</param>
/// <param name="What">What is so.</param>
/// <param name="Remedy">What to do; empty when nothing needs doing.</param>
public sealed record Finding(FindingSeverity Severity, string Code, string What, string Remedy)
{
    internal static Finding Error(string code, string what, string remedy) => new(FindingSeverity.Error, code, what, remedy);

    internal static Finding Warning(string code, string what, string remedy) => new(FindingSeverity.Warning, code, what, remedy);

    internal static Finding Info(string code, string what) => new(FindingSeverity.Information, code, what, "");
}

/// <summary>Everything a check found.</summary>
/// <param name="Ok">No finding is an error.</param>
/// <param name="Findings">In the order they were looked at.</param>
/// <param name="Spanning">What applications run that would need both backends after the switch, the most frequent first; at most 100.</param>
public sealed record PreflightReport(bool Ok, IReadOnlyList<Finding> Findings, IReadOnlyList<SpanningStatement> Spanning)
{
    internal static PreflightReport Of(IReadOnlyList<Finding> findings, IReadOnlyList<SpanningStatement> spanning) =>
        new(findings.All(f => f.Severity != FindingSeverity.Error), findings, spanning);
}

/// <summary>A kind of statement, or of transaction, that the proxy has seen and that would need both backends after the switch.</summary>
/// <param name="Kind"><c>statement</c>, <c>transaction</c>, or <c>unknown_tables</c>: a statement that does not say which tables it uses, in a schema that moves in part.</param>
/// <param name="Statements">The statement, or the transaction's, with a question mark for each literal.</param>
/// <param name="Moves">Tables used that move.</param>
/// <param name="Stays">Tables used that stay.</param>
/// <param name="Count">How often it was seen, nearly.</param>
/// <param name="LastSeen">UTC, to some seconds.</param>
public sealed record SpanningStatement(
    string Kind, IReadOnlyList<string> Statements, IReadOnlyList<string> Moves, IReadOnlyList<string> Stays, long Count, DateTimeOffset LastSeen);
