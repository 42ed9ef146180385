using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Values;

namespace Switchyard.Replication.Apply;

/// <summary>
/// Turns one row change into SQL by what the target holds at the places before and after. A copied place is held to its word; an uncertain one
/// is deleted if it is there, and inserted; an absent one is left alone.
/// </summary>
internal sealed class RowApplier(bool targetCascades)
{
    private readonly ChangeWriter _writer = new();

    /// <summary>The next transaction begins.</summary>
    public void Reset()
    {
        _writer.Separate();
        Keys.Clear();
    }

    /// <summary>Repeats what a transaction does with a savepoint, in the quotes of our session: the log has the name in those of the client's.</summary>
    public void Savepoint(ChangeGroup group, DdlStatement statement)
    {
        _writer.Separate();
        group.Begin(new ChangeStatement(ChangeKind.Other, null, null));
        group.Sql.Sql(statement.Verb).Sql(" "u8).Sql(SqlText.QuoteIdentifier(statement.Words[^1]));
    }

    /// <summary>What the transaction touches, for its place in the order.</summary>
    public TransactionKeys Keys { get; } = new();

    /// <summary>Takes a whole event as it was logged, of a table that is copied completely.</summary>
    /// <returns>False when the target would have to cascade, which rows as logged never do.</returns>
    public bool TryApplyLogged(ChangeGroup group, RowsItem item, TablePlan plan, LoggedTable table, RowsReader rows)
    {
        if (Cascades(item) && item.Kind switch
        {
            RowsKind.Delete => plan.Cascades.DeleteCascades,
            RowsKind.Update => plan.Cascades.UpdateCascadesFrom.Count > 0 && AnyChangesReferenced(plan, rows),
            _ => false,
        })
        {
            return false;
        }

        while (rows.Read())
        {
            Keys.Add(plan, rows.Current);
        }

        _writer.Separate();
        group.Add(plan, table, item.Event);
        return true;
    }

    private static bool AnyChangesReferenced(TablePlan plan, RowsReader rows)
    {
        var any = false;
        while (!any && rows.Read())
        {
            any = ChangesReferenced(plan, rows.Current);
        }

        rows.Restart();
        return any;
    }

    public void Apply(ChangeGroup group, RowsItem item, TablePlan plan, RowChange change)
    {
        var copy = item.Table.Copy;
        Keys.Add(plan, change);
        switch (item.Kind)
        {
            case RowsKind.Write:
                Write(group, plan, copy, change.After);
                break;
            case RowsKind.Delete:
                Delete(group, plan, copy, change.Before, Cascades(item) && plan.Cascades.DeleteCascades);
                break;
            case RowsKind.Update when copy is null || (PlaceOf(plan, copy, change.Before, out _, out _) == Place.Copied && PlaceOf(plan, copy, change.After, out _, out _) == Place.Copied):
                var cascades = Cascades(item) && ChangesReferenced(plan, change);
                Keys.IsAlone |= cascades;
                _writer.Update(group, plan, change.Before, change.After, cascades);
                break;
            default:
                Delete(group, plan, copy, change.Before, cascade: false);
                Write(group, plan, copy, change.After);
                break;
        }
    }

    private bool Cascades(RowsItem item) => targetCascades && !item.Event.NoForeignKeyChecks;

    private void Write(ChangeGroup group, TablePlan plan, TableCopyState? copy, RowImage row)
    {
        var place = PlaceOf(plan, copy, row, out var chunk, out var key);
        if (place != Place.Absent)
        {
            // The target holds a part of what the source holds, so where the source had no such row, nor has the target.
            _writer.Insert(group, plan, row);
            Touch(group, copy, place, chunk, key);
        }
    }

    private void Delete(ChangeGroup group, TablePlan plan, TableCopyState? copy, RowImage row, bool cascade)
    {
        var place = PlaceOf(plan, copy, row, out var chunk, out var key);
        if (place != Place.Absent)
        {
            // Whether the row was there is not known, so nothing would tell that it came too early.
            Keys.IsAlone |= cascade || place != Place.Copied;
            _writer.Delete(group, plan, row, strict: place == Place.Copied, cascade);
            Touch(group, copy, place, chunk, key);
        }
    }

    private static Place PlaceOf(TablePlan plan, TableCopyState? copy, RowImage row, out Chunk? chunk, out byte[]? key)
    {
        chunk = null;
        key = null;
        return copy is null ? Place.Copied : copy.PlaceOf(key = plan.EncodedKeyOf(row), out chunk);
    }

    private static void Touch(ChangeGroup group, TableCopyState? copy, Place place, Chunk? chunk, byte[]? key)
    {
        if (place != Place.Uncertain)
        {
            return;
        }

        if (chunk is not null)
        {
            Touch(group, chunk, key!);
            return;
        }

        if (copy!.JudgesRanges)
        {
            return;
        }

        // Which chunk the key belongs to is the server's to say: a key too many in another chunk does no harm.
        foreach (var active in copy.Active)
        {
            Touch(group, active, key!);
        }
    }

    private static void Touch(ChangeGroup group, Chunk chunk, byte[] key)
    {
        if (!chunk.IsSpoiled)
        {
            group.Touched.Add((chunk, key));
        }
    }

    private static bool ChangesReferenced(TablePlan plan, RowChange change)
    {
        foreach (var ordinal in plan.CascadingOrdinals)
        {
            if (!change.Before[ordinal].ValueEquals(change.After[ordinal]))
            {
                return true;
            }
        }

        return false;
    }
}
