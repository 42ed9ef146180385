using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>Sequences that move, and those that tables which move would miss or share.</summary>
internal static class SequenceRules
{
    internal static async Task<IReadOnlyList<GateFinding>> CheckAsync(
        GateRequest request, IReadOnlySet<TableName> moved, BackendConnection source, ServerInfo target, CancellationToken cancellationToken)
    {
        var findings = new List<GateFinding>();
        foreach (var schema in request.Schemas)
        {
            // Of tables that take defaults from one, the translation says so.
            if (!target.IsMariaDb && await ListNamedAsync(schema, source, cancellationToken).ConfigureAwait(false) is { Count: > 0 } sequences)
            {
                findings.Add(GateFinding.Refuse(
                    "sequences", schema.Name, $"The schema {schema.Name} has sequences ({string.Join(", ", sequences)}), which the target does not have.",
                    "Take the values from AUTO_INCREMENT columns and drop the sequences, or move the tables by name without them."));
            }

            if (target.IsMariaDb)
            {
                var uses = await SequenceReader.ListUsesAsync(source, schema.Name, cancellationToken).ConfigureAwait(false);
                findings.AddRange(Check(request, schema, [.. uses.Where(u => moved.Contains(u.Table))], [.. uses.Where(u => !moved.Contains(u.Table))]));
            }
        }

        return findings;
    }

    private static IEnumerable<GateFinding> Check(GateRequest request, GateSchema schema, IReadOnlyList<SequenceUse> moving, IReadOnlyList<SequenceUse> staying)
    {
        foreach (var use in moving.Where(u => u.Sequence.Schema != schema.Name && request.Schemas.All(s => s.Name != u.Sequence.Schema || !(s.IsWhole || s.Tables.Contains(u.Sequence.Name)))))
        {
            var remedy = $"Move the schema {use.Sequence.Schema} too, or name the sequence among its tables, or take the values from a sequence of {schema.Name}.";
            yield return use.IsByTrigger
                ? GateFinding.Warn("sequence_elsewhere", use.Table.ToString(), $"A trigger of {use.Table} uses the sequence {use.Sequence}, which is not moved: after the switch it fails, or is given the values of the target's own.", remedy)
                : GateFinding.Refuse("sequence_elsewhere", use.Table.ToString(), $"{use.Table} takes a default from the sequence {use.Sequence}, which is not moved.", remedy);
        }

        foreach (var shared in moving.Join(staying, m => m.Sequence, s => s.Sequence, (m, s) => (m, s)).GroupBy(p => p.m.Sequence))
        {
            yield return GateFinding.Warn(
                "sequence_shared", shared.Key.ToString(),
                $"{string.Join(", ", shared.Select(p => p.m.Table).Distinct())}, which moves, and {string.Join(", ", shared.Select(p => p.s.Table).Distinct())}, which stays, take values from the sequence {shared.Key}; "
                + "after the switch each side has its own, and both hand out the same values.",
                "Move these tables together, or give those that stay a sequence of their own.");
        }
    }

    /// <summary>Those that move because they are asked for, not because of a table.</summary>
    private static async Task<IReadOnlyList<string>> ListNamedAsync(GateSchema schema, BackendConnection source, CancellationToken cancellationToken) =>
        [.. (await SequenceReader.ListAsync(source, schema.Name, cancellationToken).ConfigureAwait(false)).Select(s => s.Name).Where(s => schema.IsWhole || schema.Tables.Contains(s))];
}
