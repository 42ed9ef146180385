using Switchyard.Client;
using Switchyard.Replication;

namespace Switchyard.Migration;

/// <summary>A backend that becomes another server.</summary>
public sealed partial class MigrationService
{
    /// <inheritdoc />
    public async Task VerifyBackendMoveAsync(string backend, ConnectionOptions server, CancellationToken cancellationToken)
    {
        foreach (var unit in UsersOf(backend))
        {
            var record = unit.Runtime.Record;
            if (record.Backend(record.Direction.From) != backend)
            {
                throw MigrationException.Refused(
                    "backend_follows",
                    $"The migration '{record.Name}' writes to '{backend}', which keeps its positions there; only the server it reads from ('{record.Backend(record.Direction.From)}') can be moved.",
                    record.Authoritative == Side.Source
                        ? $"Cancel the migration and copy to the other server, or switch first."
                        : $"Complete the migration '{record.Name}' first, or reverse it.");
            }

            if (record.Reads is not null)
            {
                throw MigrationException.Refused(
                    "validating", $"Reads of '{record.Name}' go to the target and wait for positions of '{backend}' as it is.", $"Run `switchyard migration validate {record.Name} --off` first.");
            }

            if (unit.Runtime.Verbs.Running is { } running)
            {
                throw MigrationException.Refused("busy", $"'{running}' of migration '{record.Name}' is under way.", "Wait until it has ended.");
            }

            if (!record.StreamRecorded)
            {
                continue;
            }

            try
            {
                await _environment.Engine.VerifyCanFollowAsync(await unit.Runtime.SpecWithOriginAsync(server, cancellationToken), cancellationToken);
            }
            catch (ReplicationException e)
            {
                throw MigrationException.Refused("cannot_follow", $"The migration '{record.Name}' cannot go on there: {e.Message}", "Nothing was changed.");
            }
        }
    }

    /// <inheritdoc />
    public async Task ReconnectBackendAsync(string backend, CancellationToken cancellationToken)
    {
        foreach (var unit in UsersOf(backend))
        {
            using var verb = unit.Runtime.Verbs.Enter(unit.Runtime.Name, "backend move");
            await unit.Diff.DisposeAsync();
            await unit.Runtime.HaltAsync(cancellationToken);
            await unit.Runtime.UpdateAsync(r => r with { Error = null, Remedy = null }, cancellationToken);
            await unit.Runtime.ResumeAsync(cancellationToken);
        }
    }

    private IEnumerable<MigrationUnit> UsersOf(string backend) =>
        _units.Values.Where(u => u.Runtime.Record is { Finished: null } record && (record.Settings.Source == backend || record.Settings.Target == backend));
}
