using System.Collections.Immutable;
using Switchyard.Client;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Login;

namespace Switchyard.Proxy.Sessions;

/// <summary>What other backends have said to the session's account, for whoever asks what a switch would meet.</summary>
internal sealed partial class ProxySession
{
    private ImmutableArray<SessionRefusal> _refusals = [];

    /// <summary>Opens a leg, and remembers whether its backend lets the account in.</summary>
    private async Task<BackendLeg> TryOpenAsync(
        string backend, ClientProof proof, string? schema, GreetedConnection? greeted, CancellationToken cancellationToken)
    {
        try
        {
            var leg = await _context.Opener.OpenAsync(backend, proof, Terms(proof.Client) with { Schema = schema }, backend == _accountsOf, greeted, cancellationToken);
            if (leg.Expired is { } expired && _current is not null)
            {
                // Only a client's first connection is there to set a password on; a session that works elsewhere would meet nothing but errors here.
                await leg.DisposeAsync();
                throw expired;
            }

            ForgetRefusal(backend);
            return leg;
        }
        catch (Exception exception) when (LegRefusal.IsFinal(exception))
        {
            NoteRefusal(backend, (exception as ServerErrorException)?.ServerMessage ?? exception.Message);
            throw;
        }
    }

    private void NoteRefusal(string backend, string reason)
    {
        var now = _context.Time.GetUtcNow();
        ImmutableInterlocked.Update(
            ref _refusals,
            static (known, told) => [.. known.Where(one => one.Backend != told.Backend), told with { Since = known.FirstOrDefault(one => one.Backend == told.Backend)?.Since ?? told.Since }],
            new SessionRefusal(backend, reason, now));
    }

    private void ForgetRefusal(string backend)
    {
        if (!_refusals.IsEmpty)
        {
            ImmutableInterlocked.Update(ref _refusals, static (known, backend) => known.RemoveAll(one => one.Backend == backend), backend);
        }
    }
}
