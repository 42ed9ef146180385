namespace Switchyard.Replication.Schema;

/// <summary>How much a finding matters.</summary>
public enum GateSeverity
{
    /// <summary>Worth knowing.</summary>
    Info,

    /// <summary>It works, with a difference or a risk the operator should accept knowingly.</summary>
    Warn,

    /// <summary>The migration cannot be right: it does not start.</summary>
    Refuse,
}

/// <summary>One thing found out about the servers or the schema.</summary>
/// <param name="Severity">How much it matters.</param>
/// <param name="Code">A stable name, for instance <c>binlog_off</c>.</param>
/// <param name="Subject">What it is about: <c>source</c>, <c>target</c>, or an object's name.</param>
/// <param name="What">A sentence that says what is so.</param>
/// <param name="Remedy">A sentence that says what to do; empty when there is nothing to do.</param>
public sealed record GateFinding(GateSeverity Severity, string Code, string Subject, string What, string Remedy)
{
    internal static GateFinding Refuse(string code, string subject, string what, string remedy) => new(GateSeverity.Refuse, code, subject, what, remedy);

    internal static GateFinding Warn(string code, string subject, string what, string remedy) => new(GateSeverity.Warn, code, subject, what, remedy);

    internal static GateFinding Info(string code, string subject, string what, string remedy = "") => new(GateSeverity.Info, code, subject, what, remedy);

    /// <summary>What and remedy in one line.</summary>
    public override string ToString() => Remedy.Length == 0 ? What : $"{What} {Remedy}";
}
