using System.Collections.Immutable;

namespace Switchyard.Sql.Reading;

/// <summary>A table, or what stands for one in a FROM clause, as the reader met it.</summary>
/// <param name="Schema">As written; null when unqualified.</param>
/// <param name="Name">The table's name; empty for a derived table.</param>
/// <param name="Alias">The alias; null without one.</param>
/// <param name="Level">How many query expressions enclose it.</param>
/// <param name="IsTable">False for derived tables and names of CTEs.</param>
/// <param name="Access">What is done with it.</param>
internal readonly record struct FoundTable(string? Schema, string Name, string? Alias, int Level, bool IsTable, TableAccess Access);

/// <summary>What has been found of one statement so far.</summary>
internal sealed class Findings
{
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly HashSet<string> _assigned = new(StringComparer.Ordinal);
    private readonly HashSet<string> _sessionVariables = new(StringComparer.Ordinal);

    public StatementKind Kind { get; set; }

    public List<FoundTable> Tables { get; } = [];

    public SessionEffects Effects { get; set; }

    public bool TablesUnknown { get; set; }

    /// <summary>Where the tables are that are not known; null while nothing is known of that either.</summary>
    public ImmutableArray<string?>? Owner { get; set; }

    public HashSet<string> Qualifiers { get; } = new(StringComparer.Ordinal);

    public bool ReplaysLog { get; set; }

    /// <summary>What the statement itself has names without a schema mean; null when it is the session's.</summary>
    public string? Schema { get; set; }

    public bool NotPlain { get; set; }

    public bool NotUnderstood { get; set; }

    public bool DependsOnLiterals { get; set; }

    /// <summary>Statements after this one in the same text may have to be read by other options.</summary>
    public bool ChangesReading { get; set; }

    public string? UseSchema { get; set; }

    public KillTarget? KillTarget { get; set; }

    public KilledUser? KilledUser { get; set; }

    public HashSet<RoutineReference> Routines { get; } = [];

    /// <summary>Takes what was found of another statement as found of this one too.</summary>
    public void Absorb(Findings other)
    {
        _used.UnionWith(other._used);
        _assigned.UnionWith(other._assigned);
        _sessionVariables.UnionWith(other._sessionVariables);
        Tables.AddRange(other.Tables);
        Routines.UnionWith(other.Routines);
        Effects |= other.Effects;
        TablesUnknown |= other.TablesUnknown;
        NotPlain |= other.NotPlain;
        NotUnderstood |= other.NotUnderstood;
    }

    public bool Has(SessionEffects effects) => (Effects & effects) != 0;

    public void AddUserVariable(string name, bool assigned)
    {
        _used.Add(name);
        Effects |= SessionEffects.UsesUserVariables;
        NotPlain = true;
        if (assigned)
        {
            _assigned.Add(name);
            Effects |= SessionEffects.SetsUserVariables;
        }
    }

    public void AddSessionVariable(string name)
    {
        _sessionVariables.Add(name);
        Effects |= SessionEffects.SetsSessionVariables;
    }

    /// <summary>Raises the access of the tables found since <paramref name="first"/> to at least <paramref name="access"/>.</summary>
    public void Raise(int first, TableAccess access)
    {
        for (var i = first; i < Tables.Count; i++)
        {
            RaiseOne(i, access);
        }
    }

    public void RaiseOne(int index, TableAccess access)
    {
        if (Tables[index].IsTable && Tables[index].Access < access)
        {
            Tables[index] = Tables[index] with { Access = access };
        }
    }

    /// <summary>A table the statement names as its target: a table even where a common table has its name.</summary>
    public void MarkTarget(int index)
    {
        if (Tables[index].Name.Length > 0)
        {
            Tables[index] = Tables[index] with { Access = TableAccess.Write, IsTable = true };
        }
    }

    public StatementInfo ToInfo(string? schema, bool hasHints)
    {
        schema = Schema ?? schema;
        if (NotUnderstood)
        {
            Kind = StatementKind.Unknown;
            TablesUnknown = true;
            Owner = null;
            Effects |= SessionEffects.Opaque;
        }

        var plain = Kind is StatementKind.Select or StatementKind.Values or StatementKind.Table && !NotPlain && !TablesUnknown && Routines.Count == 0 && Effects == SessionEffects.None;
        return new StatementInfo
        {
            Kind = Kind,
            Tables = DistinctTables(schema),
            TablesKnown = !TablesUnknown && Routines.Count == 0,
            Routines = [.. Routines.Select(routine => routine with { Schema = routine.Schema ?? schema })],
            TablesKnownBesideRoutines = !TablesUnknown,
            UnlistedIn = UnlistedIn(schema),
            ReplaysLog = ReplaysLog,
            Qualifiers = [.. Qualifiers],
            IsPlainRead = plain,
            Effects = Effects,
            UserVariables = [.. _used],
            AssignedUserVariables = [.. _assigned],
            SessionVariables = [.. _sessionVariables],
            UseSchema = UseSchema,
            KillTarget = KillTarget,
            KilledUser = KilledUser,
            HasHints = hasHints,
            DependsOnShapeOnly = !DependsOnLiterals,
        };
    }

    private ImmutableArray<string?> UnlistedIn(string? schema)
    {
        var schemas = new HashSet<string?>(StringComparer.Ordinal);
        if (TablesUnknown)
        {
            schemas.UnionWith((Owner ?? [null]).Select(owner => owner ?? schema));
        }

        schemas.UnionWith(Routines.Select(routine => routine.Schema ?? schema));
        return [.. schemas];
    }

    private ImmutableArray<TableReference> DistinctTables(string? schema)
    {
        var set = new TableSet();
        foreach (var table in Tables)
        {
            if (table.IsTable)
            {
                set.Add(new TableReference(table.Schema ?? schema, table.Name, table.Access));
            }
        }

        return set.ToImmutable();
    }
}
