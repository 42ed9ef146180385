using System.Security.Cryptography;
using System.Text;
using Switchyard.Client;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// Lets one change of definition of a stream run on the target at a time. A server runs a statement to its end though whoever sent it is gone, by a crash or a stop
/// that had to cut it: until then its tables look as if it had never begun. The turn belongs to the connection that runs it, so it ends when the server has ended that.
/// </summary>
internal sealed class DdlTurn(string streamId)
{
    // A digest, because names of locks end at 64 characters.
    private readonly string _lock = $"switchyard.{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(streamId)).AsSpan(0, 16))}";

    /// <summary>Waits until no earlier connection of the stream's runs a change any more.</summary>
    public async Task TakeAsync(BackendConnection runner, CancellationToken cancellationToken)
    {
        while (true)
        {
            var answer = await runner.QueryAsync($"SELECT IS_USED_LOCK('{_lock}'), GET_LOCK('{_lock}', 1)", cancellationToken).ConfigureAwait(false);
            if (!answer.IsNull(0, 1) && answer.GetInt64(0, 1) == 1)
            {
                return;
            }

            if (!answer.IsNull(0, 0))
            {
                await EndIfIdleAsync(runner, answer.GetUInt64(0, 0), cancellationToken).ConfigureAwait(false);
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
