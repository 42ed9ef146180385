using Switchyard.Faults;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>The point of no return.</summary>
internal sealed partial class Cutover
{
    private async Task FlipAsync(MigrationLock held, CancellationToken cancellationToken)
    {
        while (true)
        {
            await _fence!.VerifyAsync(cancellationToken);
            var membership = await environment.Topology.GetMembershipAsync(cancellationToken);
            var routing = await environment.Topology.GetRoutingAsync(cancellationToken);
            if (await environment.Topology.GetGateAsync(_operation.GateId, cancellationToken) is not { } gate)
            {
                throw new CutoverFailedException("The gate was removed from the store.", "Find out who removes records from the store, and try again.");
            }

            if (gate.Value.State != GateState.Held)
            {
                throw GateKeeper.Abandoned(gate.Value);
            }

            RefuseReturned(membership);
            if (runtime.Record.Foreign is { Found: > 0 } foreign && foreign.Side == _direction.To)
            {
                throw new CutoverFailedException($"'{ToName}' was written by somebody else during the switch.", $"Find out who with `switchyard migration diagnose {runtime.Name}`, compare the sides and try again.");
            }

            if (!await _gate.IsDrainedAsync(membership, cancellationToken))
            {
                // A proxy has joined since the hold; it has the same time to drain.
                await _gate.DrainAsync(request, cancellationToken);
                continue;
            }

            cancellationToken.ThrowIfCancellationRequested();
            await FaultPoints.HitAsync("switch.flip.commit.before", cancellationToken);
            if (await TryFlipAsync(held, membership, routing, gate))
            {
                return;
            }

            if (held.Lost.IsCancellationRequested)
            {
                throw new CutoverFailedException("The right to change the migration was lost.", "Try again.");
            }
        }
    }

    /// <summary>
    /// A proxy that has come back since the fence may have had a statement on its way to the origin, which ran after the end of its log was
    /// read. Only a lock on the tables proves that it did not.
    /// </summary>
    private void RefuseReturned(Membership membership)
    {
        if (request.Fence != FenceMode.Lock && membership.Members.Any(m => _drained!.Members.All(d => d.Key != m.Key || d.Revision != m.Revision)))
        {
            throw new CutoverFailedException("A proxy joined during the pause, and without locked tables it cannot be known what it had sent before.", "Try again, or let the tables be locked with --fence lock.");
        }
    }

    /// <summary>
    /// The point of no return. Not cancellable: an answer that is not waited for would leave it unknown which side is authoritative, and if
    /// the store fails to answer, the record decides.
    /// </summary>
    /// <exception cref="FlipUndecidedException">Nor can the record be read.</exception>
    private async Task<bool> TryFlipAsync(MigrationLock held, Membership membership, Versioned<RoutingTable> routing, Versioned<Gate> gate)
    {
        var now = environment.Time.GetUtcNow();
        var flipped = _operation with { Flipped = true, SourcePosition = _end.ToString(), TargetPosition = _start.ToString() };

        // From here on what others write on the old side is watched; up to here the fence kept them out, or replication has it.
        var watched = new ForeignRecord { Side = _direction.From, Examined = _end.ToString() };
        MigrationRecord Change(MigrationRecord r) => r with { Authoritative = _direction.To, Operation = flipped, Reads = null, SwitchedAt = now, Foreign = watched };
        try
        {
            _flipped = await runtime.TryUpdateAsync(Change, CancellationToken.None, transaction =>
            {
                var table = RoutingRules.With(routing.Value, Change(runtime.Record));
                transaction.Require(gate).Require(held).Require(membership).Require(routing)
                    .Put(table).Put(gate.Value with { State = GateState.Flipped, Epoch = table.Epoch });
                _journal.AppendPending(transaction);
            });
        }
        catch (TopologyStoreException e)
        {
            try
            {
                await runtime.ReloadAsync(CancellationToken.None);
            }
            catch (TopologyStoreException)
            {
                throw new FlipUndecidedException(e);
            }

            _flipped = runtime.Record.Operation is { Flipped: true } operation && operation.Id == _operation.Id;
            if (!_flipped)
            {
                throw;
            }
        }

        if (_flipped)
        {
            environment.Applied.Reset(runtime.Name);
            _pauseMs = environment.Time.GetElapsedTime(_heldAt).TotalMilliseconds;
        }

        return _flipped;
    }
}
