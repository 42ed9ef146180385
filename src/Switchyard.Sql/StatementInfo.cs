using System.Collections.Immutable;

namespace Switchyard.Sql;

/// <summary>What is known of a statement (or of several in one text) from its text alone. Immutable.</summary>
/// <remarks>
/// The scanner errs to one side only: a table may be listed that is not touched, a read may be called no read. What is
/// not understood is <see cref="StatementKind.Unknown"/> with <see cref="TablesKnown"/> false, not a plain read, <see cref="SessionEffects.Opaque"/>.
/// </remarks>
public sealed class StatementInfo
{
    private readonly ImmutableArray<StatementInfo> _statements;

    internal StatementInfo(ImmutableArray<StatementInfo> statements = default) => _statements = statements;

    /// <summary>What it is.</summary>
    public StatementKind Kind { get; internal init; }

    /// <summary>Every table the text names, once each with its strongest access. Views and what triggers and cascades do is not in the text.</summary>
    public ImmutableArray<TableReference> Tables { get; internal init; } = [];

    /// <summary>False when the statement could touch tables that <see cref="Tables"/> does not list.</summary>
    public bool TablesKnown { get; internal init; }

    /// <summary>Stored routines the text names, and functions that are not known to be built in. What they do is not in the text.</summary>
    public ImmutableArray<RoutineReference> Routines { get; internal init; } = [];

    /// <summary>As <see cref="TablesKnown"/>, leaving aside what <see cref="Routines"/> touch.</summary>
    public bool TablesKnownBesideRoutines { get; internal init; }

    /// <summary>Schemas in which it may touch tables that <see cref="Tables"/> does not list; null stands for the session's current one. Empty when all are listed.</summary>
    public ImmutableArray<string?> UnlistedIn { get; internal init; } = [];

    /// <summary>It replays events of a binary log (BINLOG), which name tables of any schema by themselves.</summary>
    public bool ReplaysLog { get; internal init; }

    /// <summary>Of a text that is not understood to its end, or that executes another: names in front of a dot, any of which may be a schema.</summary>
    public ImmutableArray<string> Qualifiers { get; internal init; } = [];

    /// <summary>Of an expanded statement: the routine whose effects on the session are not followed, and why, as the end of a sentence; null otherwise.</summary>
    public string? RoutineReason { get; internal init; }

    /// <summary>
    /// True only for a query that a read replica may answer: no lock, no effect, nothing of the session or the server but its schema.
    /// Of several statements: all of them.
    /// </summary>
    public bool IsPlainRead { get; internal init; }

    /// <summary>What it may do to its session, or needs of it.</summary>
    public SessionEffects Effects { get; internal init; }

    /// <summary>User variables mentioned, lower case, without the at sign.</summary>
    public ImmutableArray<string> UserVariables { get; internal init; } = [];

    /// <summary>Those of <see cref="UserVariables"/> that may be assigned.</summary>
    public ImmutableArray<string> AssignedUserVariables { get; internal init; } = [];

    /// <summary>Session system variables assigned, lower case, without scope. SET [SESSION] TRANSACTION counts as <c>transaction_isolation</c> and <c>transaction_read_only</c>.</summary>
    public ImmutableArray<string> SessionVariables { get; internal init; } = [];

    /// <summary>The schema USE changes to (of several, the last one); null otherwise.</summary>
    public string? UseSchema { get; internal init; }

    /// <summary>Whom KILL names, when it is a plain number or a parameter; null otherwise.</summary>
    public KillTarget? KillTarget { get; internal init; }

    /// <summary>Whose connections KILL USER names; null otherwise.</summary>
    public KilledUser? KilledUser { get; internal init; }

    /// <summary>The text has optimizer hints.</summary>
    public bool HasHints { get; internal init; }

    /// <summary>How many statements the text has; an empty one at the end does not count.</summary>
    public int StatementCount => _statements.IsDefault ? (Kind == StatementKind.Empty ? 0 : 1) : _statements.Length;

    /// <summary>All statements of the text; of a single one, itself.</summary>
    public ImmutableArray<StatementInfo> Statements => _statements.IsDefault ? [this] : _statements;

    /// <summary>True when another text of the same shape has the same info; see <see cref="StatementShape"/>.</summary>
    public bool DependsOnShapeOnly { get; internal init; }

    /// <summary>Counts the statements of this shape; null where the info is not remembered, and for shapes that touch no table.</summary>
    public ShapeUse? Use { get; internal set; }

    /// <summary>True when any listed table is written or its definition changed, or tables are not known.</summary>
    public bool MayWrite
    {
        get
        {
            if (!TablesKnown)
            {
                return true;
            }

            foreach (var table in Tables)
            {
                if (table.Access == TableAccess.Write)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>True when the statement has any of these effects.</summary>
    public bool Has(SessionEffects effects) => (Effects & effects) != 0;

    /// <summary>The info of a statement of which nothing is understood but the schemas that it may name.</summary>
    internal static StatementInfo NotUnderstood(ImmutableArray<string> qualifiers) =>
        new() { Kind = StatementKind.Unknown, UnlistedIn = [null], Qualifiers = qualifiers, Effects = SessionEffects.Opaque };
}
