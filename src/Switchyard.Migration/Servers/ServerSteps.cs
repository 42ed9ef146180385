using Switchyard.Client;
using Switchyard.Replication;
using Switchyard.Wire;

namespace Switchyard.Migration;

/// <summary>
/// What verbs ask of a migration's servers, a step at a time and each within a limit: a server that is frozen, or waits for room on its disk, answers
/// nothing for as long as that lasts. Each step may be taken again.
/// </summary>
internal sealed class ServerSteps(MigrationEnvironment environment, CreateMigrationRequest settings)
{
    public static readonly IReadOnlyList<Side> Both = [Side.Source, Side.Target];

    // A server that does not say by then, or in the time of a step, what it does is not waited for.
    private static readonly TimeSpan s_explainLimit = TimeSpan.FromSeconds(5);

    private TimeSpan Limit => environment.Options.StepLimit;

    /// <summary>A step on one server.</summary>
    /// <param name="side">Whose server.</param>
    /// <param name="what">What it is asked to do, as it reads behind "did not".</param>
    /// <param name="act">Does it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="CutoverFailedException">It was not done; the message names the server and what it does instead.</exception>
    public Task RunAsync(Side side, string what, Func<IServerSide, CancellationToken, Task> act, CancellationToken cancellationToken) =>
        RunAsync([side], what, async token =>
        {
            await using var server = environment.Sides.Create(await environment.BackendAsync(Name(side), token), [.. settings.Selections.Select(s => s.Schema)]);
            await act(server, token);
        }, cancellationToken);

    /// <summary>As the other one, of a step that has its own connections.</summary>
    public Task RunAsync(IReadOnlyList<Side> sides, string what, Func<CancellationToken, Task> act, CancellationToken cancellationToken) =>
        AskAsync(sides, what, async token =>
        {
            await act(token);
            return true;
        }, cancellationToken);

    /// <summary>As the other ones, of a step that is there for its answer.</summary>
    public async Task<T> AskAsync<T>(IReadOnlyList<Side> sides, string what, Func<CancellationToken, Task<T>> act, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Limit, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var named = Names(sides);
        var names = $"'{named}'";
        try
        {
            return await act(either.Token);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            var (why, remedy) = await ExplainAsync(sides);
            throw new CutoverFailedException($"{names} did not {what} within {Limit.TotalSeconds:0.#} s. {why}", remedy, e);
        }
        catch (Exception e) when (e is BackendUnavailableException or MalformedPacketException)
        {
            throw new CutoverFailedException($"{names} did not {what}: {e.Message}", $"Look at the server of {names} and the network to it.", e);
        }
        catch (ReplicationException e)
        {
            throw new CutoverFailedException($"{names} did not {what}: {e.Message}", "Try again once that is resolved.", e);
        }
        catch (ServerErrorException e)
        {
            throw new CutoverFailedException($"{names} did not {what}: {e.Message}", e.IsOutOfSpace ? FullDisk.RemedyAtTheEnd(named) : $"Resolve that on {names}.", e);
        }
    }

    /// <summary>
    /// As the other ones, of a step whose length is the servers' affair: its connections are bound (<see cref="Bound"/>), and a statement that is not answered ends it. All other failures
    /// are the caller's.
    /// </summary>
    public async Task<T> AskAtLengthAsync<T>(IReadOnlyList<Side> sides, string what, Func<Task<T>> act)
    {
        try
        {
            return await act();
        }
        catch (BackendUnavailableException e) when (e.Reason == UnavailableReason.TimedOut)
        {
            var (why, remedy) = await ExplainAsync(sides);
            throw new CutoverFailedException($"'{Names(sides)}' did not {what}: {e.Message} {why}", remedy, e);
        }
    }

    /// <summary>The source's base tables of a schema, in name order.</summary>
    public Task<IReadOnlyList<string>> ListTablesAsync(string schema, CancellationToken cancellationToken) => AskAsync(
        [Side.Source], $"list the tables of {schema}",
        async token => await environment.Engine.ListTablesAsync(await environment.BackendAsync(settings.Source, token), schema, token), cancellationToken);

    /// <summary>
    /// The connection for a look at many things, whose length is the server's affair: each of its statements, rather than all of them together, has the limit of a step.
    /// </summary>
    public ConnectionOptions Bound(ConnectionOptions options) => options with { CommandTimeout = options.CommandTimeout ?? Limit };

    private string Names(IReadOnlyList<Side> sides) => string.Join("' or '", sides.Select(Name));

    private string Name(Side side) => side == Side.Source ? settings.Source : settings.Target;

    private async Task<(string Why, string Remedy)> ExplainAsync(IReadOnlyList<Side> sides)
    {
        var said = ("", "");
        foreach (var side in sides)
        {
            var name = Name(side);
            if (await TryReadDelayAsync(side) is not { } delay)
            {
                return ($"'{name}' answers nobody: it is frozen, overloaded or out of reach.", $"Look at the server of '{name}', its disk and the network to it.");
            }

            if (delay.Seconds > 0)
            {
                said = (FullDisk.DescribeOwn(delay, name), delay.IsDiskFull ? FullDisk.RemedyAtTheEnd(name) : FullDisk.RemedyOfSilence(name));
            }
        }

        return said is ("", "") ? ("It is slow, or was out of reach for a while.", $"Look at the load of {string.Join(" and ", sides.Select(s => $"'{Name(s)}'"))}.") : said;
    }

    /// <summary>What the server has been at for us for longest; of no seconds if that is nothing, null if it does not answer.</summary>
    private async Task<ApplyDelay?> TryReadDelayAsync(Side side)
    {
        using var limit = new CancellationTokenSource(Limit < s_explainLimit ? Limit : s_explainLimit, environment.Time);
        try
        {
            var options = await environment.BackendAsync(Name(side), limit.Token);
            await using var connection = await BackendConnection.OpenAsync(options with { Schema = null }, limit.Token);
            var processes = await ServerProcess.ListAsync(connection, limit.Token);
            var isFull = await ServerDisk.IsFullAsync(connection, processes, limit.Token);
            return processes.Where(p => p.User == options.User && p.Verb is not null).MaxBy(p => p.Seconds) is { } longest
                ? new ApplyDelay(longest.Id, longest.Verb!, longest.State, longest.Seconds, isFull)
                : new ApplyDelay(0, "", "", 0, isFull);
        }
        catch (Exception e) when (e is OperationCanceledException or BackendUnavailableException or ServerErrorException)
        {
            return null;
        }
    }
}
