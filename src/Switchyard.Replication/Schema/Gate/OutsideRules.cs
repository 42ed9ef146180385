using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>
/// Code on both sides of the line between what moves and what stays: views, triggers, events and routines that stay and use what moves, and triggers and events that move and use what
/// stays. The proxy sees through views and routines; a trigger or an event runs on its own server whatever the proxy does. What a routine or a view uses, its users use.
/// </summary>
internal static class OutsideRules
{
    private const string NotOurs = "('mysql', 'sys', 'information_schema', 'performance_schema', '_switchyard')";

    private static readonly TableNameComparer s_names = new(ignoreCase: true);

    private enum CodeKind
    {
        View,
        Routine,
        Trigger,
        Event,
    }

    internal static async Task<IReadOnlyList<GateFinding>> CheckAsync(
        IReadOnlyList<GateSchema> schemas, IReadOnlyCollection<TableName> chosen, BackendConnection source, BackendConnection? target, CancellationToken cancellationToken)
    {
        var line = new Line(schemas, chosen);
        var code = await ReadCodeAsync(source, cancellationToken).ConfigureAwait(false);
        var there = (await ReadTablesAsync(source, cancellationToken).ConfigureAwait(false)).Concat(code.Where(c => c.IsNamed).Select(c => c.Name)).ToHashSet(s_names);
        var findings = FindInward(code, line, there.Where(line.Moves)).ToList();
        var outward = Follow(code.Where(line.Moves), there.Where(n => !line.Moves(n))).Where(u => u.Code.Kind is CodeKind.Trigger || u.Code is { Kind: CodeKind.Event, IsOn: true }).ToList();
        if (outward.Count > 0 && target is not null)
        {
            var onTarget = (await ReadTablesAsync(target, cancellationToken).ConfigureAwait(false)).Concat((await ReadCodeAsync(target, cancellationToken).ConfigureAwait(false)).Where(c => c.IsNamed).Select(c => c.Name)).ToHashSet(s_names);
            findings.AddRange(outward.Select(u => Outward(u, onTarget.Contains(u.Used))));
        }

        return findings;
    }

    private static IEnumerable<GateFinding> FindInward(IReadOnlyList<Code> code, Line line, IEnumerable<TableName> moving)
    {
        foreach (var use in Follow(code.Where(c => !line.Moves(c)), moving))
        {
            var (item, used) = (use.Code, use.What);
            var (schema, name) = (item.Name.Schema, item.Name.ToString());
            switch (item.Kind)
            {
                case CodeKind.View when !line.IsPart(schema):
                    yield return GateFinding.Warn(
                        "view_in", name, $"The view {name}, which is not moved, shows {used}, which is. After the switch statements that use it go to the target.",
                        $"Make it on the target too before the switch, with the same definition, or move {schema} as well.");
                    break;
                case CodeKind.Routine when !line.IsPart(schema):
                    yield return GateFinding.Warn(
                        "routine_in", name, $"The {item.Detail.ToLowerInvariant()} {name}, which is not moved, uses {used}, which is. After the switch its calls go to the target, and are refused if it uses tables that stay as well.",
                        $"Make it on the target too before the switch, or move {schema} as well.");
                    break;
                case CodeKind.Trigger:
                    yield return GateFinding.Refuse(
                        "trigger_in", name, $"The trigger {name} of {schema}.{item.Detail}, which is not moved, uses {used}, which is. After the switch it would go on with the source's, which nobody else writes.",
                        $"Move {(line.IsPart(schema) ? $"{schema}.{item.Detail}" : schema)} too, or drop the trigger.");
                    break;
                case CodeKind.Event when item.IsOn:
                    yield return GateFinding.Refuse(
                        "event_in", name, $"The event {name}, which is not moved, uses {used}, which is. After the switch it would go on with the source's, which nobody else writes.",
                        line.IsPart(schema) ? $"Move all of {schema}, or let the event name {use.Used}, with which it moves then." : $"Move {schema} too, or make the event one of {use.Used.Schema}.");
                    break;
            }
        }
    }

    private static GateFinding Outward(Use use, bool isOnTarget)
    {
        var item = use.Code;
        var (kind, what, rest) = item.Kind == CodeKind.Trigger
            ? ("trigger", $"The trigger {item.Name} of {item.Name.Schema}.{item.Detail}", "After the switch every statement that fires it would fail")
            : ("event", $"The event {item.Name}", "After the switch it would fail");
        var remedy = $"Move {use.Used} too, or make it on the target before the switch, or drop the {kind}.";
        return isOnTarget
            ? GateFinding.Warn($"{kind}_out", item.Name.ToString(), $"{what}, which moves, uses {use.What}, which is not moved. After the switch it goes on with the target's own {use.Used}.", remedy)
            : GateFinding.Refuse($"{kind}_out", item.Name.ToString(), $"{what}, which moves, uses {use.What}, which is not moved, and the target has none. {rest}.", remedy);
    }

    /// <summary>Who of some code uses one of some names, also by a routine or a view that does.</summary>
    private static IEnumerable<Use> Follow(IEnumerable<Code> code, IEnumerable<TableName> names)
    {
        var left = code.ToList();
        var reached = names.ToDictionary(n => n, n => new Use(null!, n, null), s_names);
        for (var found = true; found;)
        {
            found = false;
            foreach (var item in left.ToArray())
            {
                if (item.References.Where(r => !s_names.Equals(r, item.Name)).Select(r => reached.GetValueOrDefault(r)).FirstOrDefault(u => u is not null) is not { } by)
                {
                    continue;
                }

                left.Remove(item);
                var use = new Use(item, by.Used, by.Code?.Name);
                if (item.IsNamed && reached.TryAdd(item.Name, use))
                {
                    found = true;
                }

                yield return use;
            }
        }
    }

    private static async Task<HashSet<TableName>> ReadTablesAsync(BackendConnection server, CancellationToken cancellationToken)
    {
        var rows = await server.QueryAsync($"SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN {NotOurs} AND table_type<>'SEQUENCE'", cancellationToken).ConfigureAwait(false);
        return rows.Rows.Select(r => new TableName(r.GetString(0), r.GetString(1))).ToHashSet(s_names);
    }

    private static async Task<IReadOnlyList<Code>> ReadCodeAsync(BackendConnection server, CancellationToken cancellationToken)
    {
        var all = new List<Code>();
        foreach (var (kind, columns, view) in new[]
        {
            (CodeKind.View, "table_schema, table_name, view_definition, '', ''", "views"),
            (CodeKind.Routine, "routine_schema, routine_name, routine_definition, sql_mode, routine_type", "routines"),
            (CodeKind.Trigger, "trigger_schema, trigger_name, action_statement, sql_mode, event_object_table", "triggers"),
            (CodeKind.Event, "event_schema, event_name, event_definition, sql_mode, status", "events"),
        })
        {
            var rows = await server.QueryAsync($"SELECT {columns} FROM information_schema.{view} WHERE {columns[..columns.IndexOf(',', StringComparison.Ordinal)]} NOT IN {NotOurs}", cancellationToken).ConfigureAwait(false);
            all.AddRange(rows.Rows.Select(r => new Code(kind, new TableName(r.GetString(0), r.GetString(1)), r.GetStringOrNull(2) ?? "", r.GetStringOrNull(3) ?? "", r.GetStringOrNull(4) ?? "")));
        }

        return all;
    }

    /// <summary>What moves and what stays.</summary>
    private sealed class Line(IReadOnlyList<GateSchema> schemas, IReadOnlyCollection<TableName> chosen)
    {
        private readonly HashSet<string> _whole = schemas.Where(s => s.IsWhole).Select(s => s.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        private readonly HashSet<string> _parts = schemas.Where(s => !s.IsWhole).Select(s => s.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        private readonly HashSet<TableName> _chosen = chosen.ToHashSet(s_names);

        public bool Moves(TableName name) => _whole.Contains(name.Schema) || _chosen.Contains(name);

        /// <summary>Triggers go with their tables; all else with its schema, or, of a schema that moves in part, an event with the tables it names.</summary>
        public bool Moves(Code code) => code.Kind switch
        {
            CodeKind.Trigger => Moves(new TableName(code.Name.Schema, code.Detail)),
            CodeKind.Event => _whole.Contains(code.Name.Schema) || (IsPart(code.Name.Schema) && code.References.Any(_chosen.Contains)),
            _ => _whole.Contains(code.Name.Schema),
        };

        /// <summary>Some tables of the schema move.</summary>
        public bool IsPart(string schema) => _parts.Contains(schema);
    }

    /// <param name="Kind">What it is.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="Body">What it does.</param>
    /// <param name="SqlMode">The modes it was made in.</param>
    /// <param name="Detail">A trigger's table, an event's status, a routine's type.</param>
    private sealed record Code(CodeKind Kind, TableName Name, string Body, string SqlMode, string Detail)
    {
        private IReadOnlyList<TableName>? _references;

        public IReadOnlyList<TableName> References => _references ??= [.. StoredCode.Find(Body, Name.Schema, SqlMode)];

        /// <summary>Others can use it by its name.</summary>
        public bool IsNamed => Kind is CodeKind.View or CodeKind.Routine;

        public bool IsOn => Detail.Equals("ENABLED", StringComparison.OrdinalIgnoreCase);
    }

    /// <param name="Code">Who uses it.</param>
    /// <param name="Used">What is used.</param>
    /// <param name="Through">The routine or view by which; null where it is named itself.</param>
    private sealed record Use(Code Code, TableName Used, TableName? Through)
    {
        public string What => Through is { } through ? $"{Used} through {through}" : Used.ToString();
    }
}
