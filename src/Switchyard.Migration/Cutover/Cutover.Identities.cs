using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

/// <summary>Nothing the origin has handed out as an identity is handed out again by the new side, also where no row has it any more, or ever had.</summary>
internal sealed partial class Cutover
{
    // More than an origin hands out without a row that stays, between `warm` and the flip: a definition changed in the pause costs a durable write.
    private const ulong IdentityHeadroom = 1000;

    private readonly Dictionary<TableName, SequenceValue> _sequences = [];

    // What the new side would hand out at least, as long as no definition has changed there.
    private Dictionary<TableName, ulong> _identities = [];
    private (IMigrationStream? Stream, long Changes) _definitions;
    private bool _definitionsChanged;

    /// <summary>Outside the pause: the new side's values are brought up to the origin's.</summary>
    private async Task RaiseIdentitiesAsync(CancellationToken cancellationToken)
    {
        // Noted before the values are read: a table that is emptied begins at 1 again.
        var stream = runtime.Stream;
        _definitions = (stream, stream?.DefinitionChanges ?? 0);
        const string Read = "say which identity values come next";
        var moved = runtime.Record.Schemas;
        _identities = new((await _steps.AskAsync([_direction.To], Read, token => _to.ReadIdentitiesAsync(moved, token), cancellationToken)).Columns);
        var values = await _steps.AskAsync([_direction.From], Read, token => _from.ReadIdentitiesAsync(moved, token), cancellationToken);
        await RaiseToAsync(values, IdentityHeadroom, cancellationToken);
    }

    /// <summary>In the pause, when the stream has been applied to its end.</summary>
    private void NoteDefinitions(IMigrationStream stream) => _definitionsChanged = _definitions != (stream, stream.DefinitionChanges);

    /// <summary>
    /// In the pause, when the origin hands nothing out any more. The new side's values are read only where the origin's have grown, since each inserted row has
    /// raised them there too; where it has not, they are raised now.
    /// </summary>
    private async Task VerifyIdentitiesAsync(CancellationToken cancellationToken)
    {
        var values = await _from.ReadIdentitiesAgainAsync(runtime.Record.Tables, cancellationToken);
        if (_definitionsChanged)
        {
            _identities = new((await _to.ReadIdentitiesAgainAsync(runtime.Record.Tables, cancellationToken)).Columns);
            _sequences.Clear();
        }
        else if (Lower(values) is { Count: > 0 } grown)
        {
            foreach (var (table, next) in (await _to.ReadIdentitiesAgainAsync(grown, cancellationToken)).Columns)
            {
                _identities[table] = next;
            }
        }

        await RaiseToAsync(values, 0, cancellationToken);
    }

    private List<TableName> Lower(IdentityValues values) => [.. values.Columns.Where(v => _identities.GetValueOrDefault(v.Key) < v.Value).Select(v => v.Key)];

    private async Task RaiseToAsync(IdentityValues values, ulong headroom, CancellationToken cancellationToken)
    {
        foreach (var table in Lower(values))
        {
            await RaiseIdentityAsync(table, values.Columns[table], headroom, cancellationToken);
        }

        var sequences = values.Sequences.Where(s => !_sequences.TryGetValue(s.Key, out var raised) || raised != s.Value).ToList();
        await WithinAsync(
            request.TimeoutSeconds, $"'{ToName}' did not set its sequences within {request.TimeoutSeconds:0.###} s.", token => _to.RaiseSequencesAsync(sequences, token), cancellationToken);
        foreach (var (sequence, next) in sequences)
        {
            _sequences[sequence] = next;
        }
    }

    /// <summary>
    /// A definition waits for every transaction on its table, and outside the pause the applier has some. It may have one that waits behind the definition, and others ahead
    /// of their turn that wait for this one: then the definition waits in vain, and is tried again with nothing under way.
    /// </summary>
    private async Task RaiseIdentityAsync(TableName table, ulong next, ulong headroom, CancellationToken cancellationToken)
    {
        const int Attempts = 10;
        const int LockWaitTimeout = 1205;
        async Task RaiseAsync(CancellationToken token) => _identities[table] = await _to.RaiseIdentityAsync(table, next, headroom, token);

        for (var attempt = 1; ; attempt++)
        {
            // In the pause nothing is applied any more.
            Func<CancellationToken, Task> raise = attempt > 1 && runtime.Stream is { Completion.IsCompleted: false } stream ? token => BetweenTransactionsAsync(stream, RaiseAsync, token) : RaiseAsync;
            try
            {
                await WithinAsync(
                    request.TimeoutSeconds, $"'{ToName}' did not raise the identity value of {table} within {request.TimeoutSeconds:0.###} s.", raise, cancellationToken);
                return;
            }
            catch (ServerErrorException e) when (e.Code == LockWaitTimeout && attempt < Attempts)
            {
                // Its wait is short, so that nobody queues behind it for long.
            }
            catch (ServerErrorException e) when (e.Code == LockWaitTimeout)
            {
                throw new CutoverFailedException(
                    $"The identity value of {table} could not be raised on '{ToName}': transactions of others hold the table there.",
                    $"See whose they are with SHOW PROCESSLIST on '{ToName}', end them and switch again.", e);
            }
        }
    }

    /// <summary>The applier waits for what it has begun to its end; that end is ours to set.</summary>
    private static Task BetweenTransactionsAsync(IMigrationStream stream, Func<CancellationToken, Task> act, CancellationToken cancellationToken) =>
        stream.BetweenTransactionsAsync(async applying =>
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(applying, cancellationToken);
            await act(either.Token);
        }, cancellationToken);
}
