using System.Collections.Immutable;
using Switchyard.Sql.Reading;

namespace Switchyard.Sql;

/// <summary>Puts in the place of calls of stored routines what their bodies do.</summary>
public static class RoutineExpansion
{
    /// <summary>What a routine may leave in its session that is not followed by name, in words for people.</summary>
    private static readonly ImmutableArray<(SessionEffects Effects, string Words)> s_leavings =
    [
        (SessionEffects.CreatesTemporaryTable | SessionEffects.DropsTemporaryTable, "creates or drops a temporary table"),
        (SessionEffects.TakesNamedLock | SessionEffects.ReleasesNamedLock, "takes or releases a lock with GET_LOCK or RELEASE_LOCK"),
        (SessionEffects.PreparesStatement | SessionEffects.ExecutesPrepared | SessionEffects.DeallocatesPrepared, "prepares or executes a statement (PREPARE)"),
        (SessionEffects.SetsRole, "sets a role"),
        (SessionEffects.SetsNextTransaction, "sets the next transaction's characteristics"),
        (SessionEffects.BeginsXa | SessionEffects.EndsXa, "begins or ends an XA transaction"),
        (SessionEffects.LocksTables | SessionEffects.UnlocksTables | SessionEffects.OpensHandler | SessionEffects.ClosesHandler, "locks or unlocks tables"),
        (SessionEffects.Opaque, "has a statement that is not understood"),
    ];

    /// <summary>What the caller's statement is said to do when a routine's body does it.</summary>
    private const SessionEffects Followed =
        SessionEffects.SetsUserVariables | SessionEffects.UsesUserVariables | SessionEffects.SetsSessionVariables | SessionEffects.SetsNames
        | SessionEffects.SetsGlobalVariables | SessionEffects.BeginsTransaction | SessionEffects.EndsTransaction | SessionEffects.ImplicitCommit
        | SessionEffects.AutocommitOn | SessionEffects.AutocommitOff | SessionEffects.AutocommitUnknown | SessionEffects.ConsistentSnapshot
        | SessionEffects.UsesLastInsertId | SessionEffects.SetsLastInsertId | SessionEffects.CalculatesFoundRows | SessionEffects.UsesSequence
        | SessionEffects.WritesServerFile | SessionEffects.AsksServerIdentity | SessionEffects.InspectsNamedLock;

    /// <summary>
    /// The statement with what its routines do, and what those call in turn. A routine whose effects are not all followed by name leaves
    /// <see cref="SessionEffects.CallsProcedure"/> and <see cref="StatementInfo.RoutineReason"/>.
    /// </summary>
    /// <param name="info">Of the statement's text.</param>
    /// <param name="schema">The session's schema, which names without one mean; null when it has none.</param>
    /// <param name="bodyOf">
    /// A routine's body as <see cref="SqlScanner.ScanRoutine"/> gives it, with schemas for all its names; <see cref="SqlScanner.Nothing"/> when there is
    /// no such routine; null when that cannot be known, as for routines of packages.
    /// </param>
    /// <param name="isPackage">Whether a schema, named first, has a package of a name: what stands in front of a routine may be either. Null where there are no packages.</param>
    public static StatementInfo Expand(StatementInfo info, string? schema, Func<RoutineReference, StatementInfo?> bodyOf, Func<string, string, bool>? isPackage = null)
    {
        if (info.Routines.IsEmpty)
        {
            return info;
        }

        return info.StatementCount <= 1
            ? ExpandOne(info, schema, bodyOf, isPackage)
            : StatementMerge.Sequence([.. info.Statements.Select(part => ExpandOne(part, schema, bodyOf, isPackage))], understood: info.Kind != StatementKind.Unknown);
    }

    private static StatementInfo ExpandOne(StatementInfo info, string? schema, Func<RoutineReference, StatementInfo?> bodyOf, Func<string, string, bool>? isPackage)
    {
        if (info.Routines.IsEmpty)
        {
            return info;
        }

        var tables = new TableSet();
        tables.AddRange(info.Tables);
        var used = new HashSet<string>(info.UserVariables, StringComparer.Ordinal);
        var assigned = new HashSet<string>(info.AssignedUserVariables, StringComparer.Ordinal);
        var variables = new HashSet<string>(info.SessionVariables, StringComparer.Ordinal);
        var effects = info.Effects & ~(SessionEffects.CallsProcedure | SessionEffects.CallsStoredFunction);
        var isKnown = info.TablesKnownBesideRoutines;
        string? reason = null;
        var unlisted = new HashSet<string?>(StringComparer.Ordinal);
        var qualifiers = new HashSet<string>(info.Qualifiers, StringComparer.Ordinal);
        if (!info.TablesKnownBesideRoutines)
        {
            unlisted.UnionWith(info.UnlistedIn);
        }

        var seen = info.Routines.Select(routine => Resolve(routine, schema, isPackage)).ToHashSet();
        var toVisit = new Queue<RoutineReference>(seen);
        while (toVisit.TryDequeue(out var routine))
        {
            if (bodyOf(routine) is not { } body)
            {
                isKnown = false;
                unlisted.Add(routine.Schema);
                reason ??= $"{routine}, whose definition could not be read";
                continue;
            }

            tables.AddRange(body.Tables);
            used.UnionWith(body.UserVariables);
            assigned.UnionWith(body.AssignedUserVariables);
            variables.UnionWith(body.SessionVariables);
            isKnown &= body.TablesKnownBesideRoutines;
            effects |= body.Effects & Followed;
            if (routine.IsProcedure && body.MayWrite)
            {
                // A procedure's INSERT is the session's last one; a function's is not.
                effects |= SessionEffects.SetsLastInsertId;
            }

            var leaves = s_leavings.FirstOrDefault(leaving => body.Has(leaving.Effects)).Words;
            reason ??= leaves is null ? null : $"{routine}, which {leaves}";
            if (leaves is not null || !body.TablesKnownBesideRoutines)
            {
                unlisted.Add(routine.Schema);
                qualifiers.UnionWith(body.Qualifiers);
            }

            foreach (var named in body.Routines)
            {
                var inner = Resolve(named, routine.Schema, isPackage);
                if (seen.Add(inner))
                {
                    toVisit.Enqueue(inner);
                }
            }
        }

        return new StatementInfo
        {
            Kind = info.Kind,
            Tables = tables.ToImmutable(),

            // A gate holds what may leave behind something that it would have to wait for.
            TablesKnown = isKnown && reason is null,
            UnlistedIn = [.. unlisted],
            Qualifiers = [.. qualifiers],
            IsPlainRead = false,
            Effects = reason is null ? effects : effects | SessionEffects.CallsProcedure,
            UserVariables = [.. used],
            AssignedUserVariables = [.. assigned],
            SessionVariables = [.. variables],
            UseSchema = info.UseSchema,
            HasHints = info.HasHints,
            RoutineReason = reason,
        };
    }

    /// <summary>With its schema, which is the one the name is used in where what is written in front of it is a package there.</summary>
    private static RoutineReference Resolve(RoutineReference routine, string? home, Func<string, string, bool>? isPackage) =>
        routine.Schema is { } written && home is not null && isPackage?.Invoke(home, written) == true
            ? RoutineReference.OfPackage(home, written, routine.Name, routine.IsProcedure)
            : routine with { Schema = routine.Schema ?? home };
}
