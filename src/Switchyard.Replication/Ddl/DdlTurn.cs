using System.Security.Cryptography;
using System.Text;
using Switchyard.Client;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// Lets one of a stream's changes of definition run on the target at a time, those that create what it needs included. A server runs a statement to its end though whoever sent it is gone, by a crash or a stop
/// that had to cut it: until then its tables look as if it had never begun. The turn belongs to the connection that runs it, so it ends when the server has ended that.
/// </summary>
/// <param name="streamId">The stream's id, unique on the target.</param>
/// <param name="builder">Which of the connections that build indexes at the same time, from 0; null for all other changes, of which one runs at a time.</param>
public sealed class DdlTurn(string streamId, int? builder = null)
{
    // A digest, because names of locks end at 64 characters.
    private readonly string _lock = $"switchyard.{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{streamId}{builder}")).AsSpan(0, 16))}";

    /// <summary>Waits until no earlier connection of the stream's runs a change any more. From then on this one may, until it is closed.</summary>
    /// <exception cref="ServerErrorException">The target refused.</exception>
    public Task TakeAsync(BackendConnection runner, CancellationToken cancellationToken) => TakeAsync(runner, EndIfIdleAsync, cancellationToken);

    /// <summary>
    /// For the stream's end: whatever still runs a change, or has one waiting for it since the server stood still, is ended by its connection id and seen gone. From then on
    /// nothing that was sent for the stream creates or changes a table.
    /// </summary>
    /// <exception cref="ServerErrorException">The target refused, or did not let the account end the connection.</exception>
    public Task TakeByForceAsync(BackendConnection runner, CancellationToken cancellationToken) => TakeAsync(runner, ServerProcess.KillAsync, cancellationToken);

    private async Task TakeAsync(BackendConnection runner, Func<BackendConnection, ulong, CancellationToken, Task> meet, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(runner);
        while (true)
        {
            var answer = await runner.QueryAsync($"SELECT IS_USED_LOCK('{_lock}'), GET_LOCK('{_lock}', 1)", cancellationToken).ConfigureAwait(false);
            if (!answer.IsNull(0, 1) && answer.GetInt64(0, 1) == 1)
            {
                return;
            }

            if (!answer.IsNull(0, 0))
            {
                await meet(runner, answer.GetUInt64(0, 0), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Where the network lost a connection without a word, the server keeps it for hours after its statement has ended.</summary>
    private static async Task EndIfIdleAsync(BackendConnection runner, ulong holder, CancellationToken cancellationToken)
    {
        var processes = await ServerProcess.ListAsync(runner, cancellationToken).ConfigureAwait(false);
        if (processes.Any(p => p.Id == holder && p.Command == "Sleep"))
        {
            await ServerProcess.KillAsync(runner, holder, cancellationToken).ConfigureAwait(false);
        }
    }
}
