namespace Switchyard.Migration;

/// <summary>Why a verb did not do what was asked: a stable code, a sentence, what to do, and the exit code the command line ends with.</summary>
/// <remarks>Exit codes: 1 failed · 2 wrong usage · 3 refused by a check, nothing changed · 4 no such thing · 5 not switched, rolled back.</remarks>
public sealed class MigrationException : Exception
{
    /// <summary>Makes the failure.</summary>
    public MigrationException(string code, string message, string remedy, int exitCode, Exception? inner = null)
        : base(message, inner)
    {
        Code = code;
        Remedy = remedy;
        ExitCode = exitCode;
    }

    /// <summary>A stable, machine-readable name in snake_case, for example <c>no_such_migration</c>.</summary>
    public string Code { get; }

    /// <summary>What the operator can do about it.</summary>
    public string Remedy { get; }

    /// <summary>The exit code of the command line, 1 to 5.</summary>
    public int ExitCode { get; }

    /// <summary>Everything a check found, when a check refused; empty otherwise.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>What was done and undone by a switch that did not happen; null otherwise.</summary>
    public SwitchReport? Report { get; init; }

    internal static MigrationException NotFound(string what, string name) => new(
        $"no_such_{what}", $"There is no {what} named '{name}'.", $"List what exists with `switchyard {what} list`.", 4);

    internal static MigrationException Usage(string message, string remedy) => new("usage", message, remedy, 2);

    internal static MigrationException Refused(string code, string message, string remedy, IReadOnlyList<Finding>? findings = null) =>
        new(code, message, remedy, 3) { Findings = findings ?? [] };

    internal static MigrationException Failed(string code, string message, string remedy, Exception? inner = null) =>
        new(code, message, remedy, 1, inner);

    /// <summary>A check refused: all of its errors in one sentence each.</summary>
    internal static MigrationException RefusedBy(string code, string what, IReadOnlyList<Finding> findings)
    {
        var errors = findings.Where(f => f.Severity == FindingSeverity.Error).ToList();
        var first = errors.Count == 1 ? errors[0].What : string.Join(" ", errors.Select((f, i) => $"({i + 1}) {f.What}"));
        var remedy = string.Join(" ", errors.Select(f => f.Remedy).Where(r => r.Length > 0).Distinct());
        return new MigrationException(code, $"{what} Nothing was changed. {first}", remedy, 3) { Findings = findings };
    }
}
