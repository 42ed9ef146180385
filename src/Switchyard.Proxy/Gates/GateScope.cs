using System.Collections.Immutable;
using Switchyard.Proxy.Routing;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Gates;

/// <summary>Whether statements and sessions have to do with a gate.</summary>
internal static class GateScope
{
    private const SessionEffects OpensSomething =
        SessionEffects.TakesNamedLock | SessionEffects.LocksTables | SessionEffects.BeginsXa | SessionEffects.ConsistentSnapshot;

    private const SessionEffects MayLeaveBlocker =
        OpensSomething | SessionEffects.BeginsTransaction | SessionEffects.AutocommitOff | SessionEffects.AutocommitUnknown
        | SessionEffects.CreatesTemporaryTable | SessionEffects.OpensHandler | SessionEffects.PreparesStatement | SessionEffects.CallsProcedure
        | SessionEffects.SetsSessionVariables | SessionEffects.SetsNextTransaction | SessionEffects.SetsRole | SessionEffects.Opaque;

    /// <summary>
    /// True when the statement may read or write a gated table, or may take something that blocks the drain, as far as its text and the
    /// session's schema tell. What is not understood touches everything.
    /// </summary>
    public static bool Touches(Gate gate, StatementInfo info, StatementTables tables, string? schema, bool concerned, bool ignoreCase)
    {
        if (!tables.AreKnown || info.Has(SessionEffects.Opaque))
        {
            return true;
        }

        if (concerned && info.Has(OpensSomething))
        {
            return true;
        }

        foreach (var table in tables.Tables)
        {
            if ((table.Schema ?? schema) is { } name && gate.Covers(name, table.Name, ignoreCase))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>True when the statement may leave its session with something open that the gate has to wait for.</summary>
    public static bool MayBlockLater(StatementInfo info) => info.Has(MayLeaveBlocker);

    /// <summary>True when the session works in, or has worked in, a schema of the gate: what it leaves open may be about gated tables.</summary>
    public static bool Concerns(Gate gate, string? schema, ImmutableHashSet<string> touchedSchemas, bool ignoreCase)
    {
        var comparison = ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        foreach (var scope in gate.Scopes)
        {
            if (schema is not null && string.Equals(scope.Schema, schema, comparison))
            {
                return true;
            }

            foreach (var touched in touchedSchemas)
            {
                if (string.Equals(scope.Schema, touched, comparison))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
