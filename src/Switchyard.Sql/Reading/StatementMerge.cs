using System.Collections.Immutable;

namespace Switchyard.Sql.Reading;

/// <summary>One info out of several.</summary>
internal static class StatementMerge
{
    /// <summary>A text without a statement.</summary>
    public static StatementInfo Empty { get; } = new() { Kind = StatementKind.Empty, TablesKnown = true, TablesKnownBesideRoutines = true, DependsOnShapeOnly = true };

    /// <summary>A statement without an effect.</summary>
    public static StatementInfo Nothing { get; } = new() { Kind = StatementKind.Do, TablesKnown = true, TablesKnownBesideRoutines = true };

    /// <summary>Statements one after the other in one text.</summary>
    /// <param name="statements">Two or more.</param>
    /// <param name="understood">False when the connection does not allow it: the server will refuse, but that is its affair.</param>
    public static StatementInfo Sequence(List<StatementInfo> statements, bool understood)
    {
        var tables = new TableSet();
        var used = new List<string>();
        var assigned = new List<string>();
        var variables = new List<string>();
        var routines = new List<RoutineReference>();
        var effects = understood ? SessionEffects.None : SessionEffects.Opaque;
        var (known, knownBeside, plain, shape, hints) = (understood, understood, understood, true, false);
        string? schema = null;
        foreach (var statement in statements)
        {
            tables.AddRange(statement.Tables);
            used.AddRange(statement.UserVariables);
            assigned.AddRange(statement.AssignedUserVariables);
            variables.AddRange(statement.SessionVariables);
            routines.AddRange(statement.Routines);
            effects |= statement.Effects;
            known &= statement.TablesKnown;
            knownBeside &= statement.TablesKnownBesideRoutines;
            plain &= statement.IsPlainRead;
            shape &= statement.DependsOnShapeOnly;
            hints |= statement.HasHints;
            schema = statement.UseSchema ?? schema;
        }

        return new StatementInfo([.. statements])
        {
            Kind = understood ? StatementKind.Multiple : StatementKind.Unknown,
            Tables = tables.ToImmutable(),
            TablesKnown = known,
            Routines = [.. routines.Distinct()],
            TablesKnownBesideRoutines = knownBeside,
            UnlistedIn = Union<string?>(statements.Select(statement => statement.UnlistedIn), understood ? [] : [null]),
            Qualifiers = Union<string>(statements.Select(statement => statement.Qualifiers), []),
            RoutineReason = statements.Select(statement => statement.RoutineReason).FirstOrDefault(reason => reason is not null),
            IsPlainRead = plain,
            Effects = effects,
            UserVariables = [.. used.Distinct(StringComparer.Ordinal)],
            AssignedUserVariables = [.. assigned.Distinct(StringComparer.Ordinal)],
            SessionVariables = [.. variables.Distinct(StringComparer.Ordinal)],
            UseSchema = schema,
            HasHints = hints,
            DependsOnShapeOnly = shape,
        };
    }

    /// <summary>What this server reads, with the tables of every reading, and a plain read only where all agree.</summary>
    public static StatementInfo Cautious(StatementInfo own, StatementInfo open, StatementInfo closed)
    {
        var tables = new TableSet();
        tables.AddRange(own.Tables);
        tables.AddRange(open.Tables);
        tables.AddRange(closed.Tables);
        var unlisted = new Unlisted(
            own.TablesKnown && open.TablesKnown && closed.TablesKnown,
            Union<string?>([own.UnlistedIn, open.UnlistedIn, closed.UnlistedIn], []), Union<string>([own.Qualifiers, open.Qualifiers, closed.Qualifiers], []));
        var merged = tables.ToImmutable();
        var plain = own.IsPlainRead && open.IsPlainRead && closed.IsPlainRead;

        // Where a skipped gate ends may lie inside a literal, so what is said of such a text depends on more than its shape.
        const bool shape = false;
        if (own.StatementCount <= 1)
        {
            return Copy(own, default, merged, unlisted, plain, shape);
        }

        var parts = ImmutableArray.CreateBuilder<StatementInfo>(own.StatementCount);
        foreach (var part in own.Statements)
        {
            parts.Add(Copy(part, default, merged, unlisted with { AreKnown = unlisted.AreKnown && part.TablesKnown }, plain, shape));
        }

        return Copy(own, parts.ToImmutable(), merged, unlisted, plain, shape);
    }

    /// <summary>The same with nothing taken for granted.</summary>
    public static StatementInfo Distrusted(StatementInfo info)
    {
        var unlisted = new Unlisted(AreKnown: false, Union<string?>([info.UnlistedIn], [null]), info.Qualifiers);
        if (info.StatementCount <= 1)
        {
            return Copy(info, default, info.Tables, unlisted, plain: false, info.DependsOnShapeOnly);
        }

        var parts = info.Statements.Select(Distrusted).ToImmutableArray();
        return Copy(info, parts, info.Tables, unlisted, plain: false, info.DependsOnShapeOnly);
    }

    private static ImmutableArray<T> Union<T>(IEnumerable<ImmutableArray<T>> sets, ImmutableArray<T> more) => [.. sets.SelectMany(set => set).Concat(more).Distinct()];

    private static StatementInfo Copy(
        StatementInfo info, ImmutableArray<StatementInfo> parts, ImmutableArray<TableReference> tables, Unlisted unlisted, bool plain, bool shape) =>
        new(parts)
        {
            Kind = info.Kind,
            Tables = tables,
            TablesKnown = unlisted.AreKnown,
            UnlistedIn = unlisted.In,
            ReplaysLog = info.ReplaysLog,
            Qualifiers = unlisted.Qualifiers,
            IsPlainRead = plain,
            Effects = info.Effects,
            UserVariables = info.UserVariables,
            AssignedUserVariables = info.AssignedUserVariables,
            SessionVariables = info.SessionVariables,
            UseSchema = info.UseSchema,
            KillTarget = info.KillTarget,
            KilledUser = info.KilledUser,
            HasHints = info.HasHints,
            DependsOnShapeOnly = shape,
        };

    /// <summary>What is said of tables that are not listed.</summary>
    private readonly record struct Unlisted(bool AreKnown, ImmutableArray<string?> In, ImmutableArray<string> Qualifiers);
}
