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

            if (!await _gate.IsDrainedAsync(membership, cancellationToken))
            {
                // A proxy has joined since the hold; it has the same time to drain.
                await _gate.DrainAsync(request, cancellationToken);
                continue;
            }

            cancellationToken.ThrowIfCancellationRequested();
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
    /// The point of no return. Not cancellable: an answer that is not waited for would leave it unknown which side is authoritative, and if
    /// the store fails to answer, the gate's own record decides.
    /// </summary>
    private async Task<bool> TryFlipAsync(MigrationLock held, Membership membership, Versioned<RoutingTable> routing, Versioned<Gate> gate)
    {
        var now = environment.Time.GetUtcNow();
        var flipped = _operation with { Flipped = true, SourcePosition = _end.ToString(), TargetPosition = _start.ToString() };
        MigrationRecord Change(MigrationRecord r) => r with { Authoritative = _direction.To, Operation = flipped, Reads = null, SwitchedAt = now };
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
        catch (TopologyStoreException)
        {
            await runtime.ReloadAsync(CancellationToken.None);
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
