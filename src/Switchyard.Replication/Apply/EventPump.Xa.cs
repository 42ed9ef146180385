using Switchyard.Binlog;
using Switchyard.Replication.Ddl;

namespace Switchyard.Replication.Apply;

/// <summary>XA transactions: kept from XA PREPARE on, handed to the applier at XA COMMIT.</summary>
internal sealed partial class EventPump
{
    private XaBranch? _branch;
    private XaBranch? _due;

    private void BeginBranch(string xid)
    {
        EnterTransaction(_beginning);
        _branch = new XaBranch(xid, _beginning);
    }

    private void KeepInBranch(RowsEvent rows)
    {
        if (tables.Find(rows.Table.Schema, rows.Table.Table) is not { } table)
        {
            return;
        }

        _branch!.HasChanges = true;
        _branch.MeetsCascades |= table.Plan?.Cascades is { } c && (c.NeedsExactCopy || c.DeleteCascades || c.UpdateCascadesFrom.Count > 0);
        if (_branch.Items is not null && Rows(rows) is RowsItem item)
        {
            xa.Keep(_branch, item);
        }
    }

    private EndItem EndBranch(XaPrepareEvent end)
    {
        if (_branch is not { } branch || branch.Xid != end.Xid)
        {
            throw new ReplicationException($"The binary log prepares the XA transaction {end.Xid} at {end.Position} without its beginning; the log is damaged or written by a server that is not understood.");
        }

        _branch = null;
        if (end.IsOnePhase)
        {
            _due = branch.HasChanges ? branch : null;
            return End(end);
        }

        xa.Prepare(branch);
        return End(end) with { Xa = branch.HasChanges ? new XaChange(branch, IsPrepared: true) : null };
    }

    /// <summary>XA COMMIT or XA ROLLBACK of what was prepared before.</summary>
    private EndItem EndPrepared(QueryEvent query, string text, bool isCommit)
    {
        var branch = xa.End(XaBranch.XidOf(text, query.Position));
        _due = isCommit ? branch : null;
        return End(query) with { Xa = branch is null ? null : new XaChange(branch, IsPrepared: false) };
    }

    private async Task DeliverBranchAsync(XaBranch branch, StreamItem end)
    {
        await DeliverAsync(new BeginItem(end.Position, end.Timestamp)).ConfigureAwait(false);
        if (branch.Items is { } items)
        {
            branch.Items = null;
            xa.Forget(branch);
            foreach (var item in items)
            {
                await DeliverAsync(item).ConfigureAwait(false);
            }

            return;
        }

        // The applier works meanwhile: what is read is handed on at once.
        var again = await reopen(branch.Begin, _stop.Token).ConfigureAwait(false);
        await using var lease = again.ConfigureAwait(false);
        _inTransaction = true;
        var groups = 0;
        while (await again.ReadAsync(_stop.Token).ConfigureAwait(false) is { } next)
        {
            switch (next)
            {
                case XaPrepareEvent prepared when prepared.Xid == branch.Xid:
                    _inTransaction = false;
                    return;
                case XidEvent or XaPrepareEvent:
                case GtidEvent or MariaDbGtidEvent when ++groups > 1:
                    throw new ReplicationException($"The binary log at {branch.Begin} does not hold the XA transaction {branch.Xid} that was prepared there; it was changed or replaced. Copy again.");
                case RowsEvent rows when Rows(rows) is { } item:
                    await DeliverAsync(item).ConfigureAwait(false);
                    break;
                case QueryEvent query when !IsXa(query.SqlText) && Statement(query) is { Statement.Kind: not DdlKind.None } statement:
                    await DeliverAsync(statement).ConfigureAwait(false);
                    break;
            }
        }

        throw new Client.BackendUnavailableException(Client.UnavailableReason.ConnectionLost, "The source ended the binary log stream.");
    }

    private static bool IsXa(string text) => text.StartsWith("XA ", StringComparison.OrdinalIgnoreCase);

    private static bool Is(string text, string statement) => text.StartsWith(statement, StringComparison.OrdinalIgnoreCase);
}
