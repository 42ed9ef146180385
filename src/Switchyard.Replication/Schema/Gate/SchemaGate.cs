using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Replication.Schema;

/// <summary>What a migration is about to do, as far as the gate has to know.</summary>
public sealed record GateRequest
{
    /// <summary>The server the data is on.</summary>
    public required ConnectionOptions Source { get; init; }

    /// <summary>The server the data goes to.</summary>
    public required ConnectionOptions Target { get; init; }

    /// <summary>What to move.</summary>
    public required IReadOnlyList<GateSchema> Schemas { get; init; }

    /// <summary>The copy has begun before: tables on the target are ours.</summary>
    public bool IsResume { get; init; }
}

/// <summary>What of one schema a migration is about to move.</summary>
/// <param name="Name">The schema.</param>
public sealed record GateSchema(string Name)
{
    /// <summary>The tables to move, and sequences beside those they use; empty for all.</summary>
    public IReadOnlyCollection<string> Tables { get; init; } = [];

    /// <summary>Tables left out.</summary>
    public IReadOnlyCollection<string> ExcludedTables { get; init; } = [];

    /// <summary>All else of it moves too, its views and routines, although tables are named.</summary>
    public bool IsMovedWhole { get; init; }

    internal bool IsWhole => IsMovedWhole || Tables.Count + ExcludedTables.Count == 0;

    internal bool Has(TableDefinition table) => (Tables.Count == 0 || Tables.Contains(table.Name.Name)) && !ExcludedTables.Contains(table.Name.Name);
}

/// <summary>
/// Everything that can be known before a migration starts: servers, settings, grants, schema. All findings at once, so that the operator
/// mends them in one round. Reads only; changes nothing on either server.
/// </summary>
public static class SchemaGate
{
    /// <summary>Looks at both servers. Does not throw for what it finds, an unreachable server included.</summary>
    public static async Task<IReadOnlyList<GateFinding>> InspectAsync(GateRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var findings = new List<GateFinding>();
        string[] schemas = [.. request.Schemas.Select(s => s.Name)];
        await using var source = await TryOpenAsync("source", request.Source, findings, cancellationToken).ConfigureAwait(false);
        await using var target = await TryOpenAsync("target", request.Target, findings, cancellationToken).ConfigureAwait(false);
        await FaultPoints.HitAsync("preflight.connected", cancellationToken).ConfigureAwait(false);
        var sourceServer = source is null ? null : await GuardAsync("source", () => ServerFacts.ReadAsync(source, cancellationToken), findings).ConfigureAwait(false);
        var targetServer = target is null ? null : await GuardAsync("target", () => ServerFacts.ReadAsync(target, cancellationToken), findings).ConfigureAwait(false);
        if (sourceServer is not null)
        {
            findings.AddRange(SourceServerRules.Check(sourceServer, schemas));
        }

        if (targetServer is not null)
        {
            findings.AddRange(TargetServerRules.Check(targetServer, schemas));
        }

        if (sourceServer is not null && targetServer is not null)
        {
            findings.AddRange(PairRules.Check(sourceServer, targetServer, request.Source, request.Target));
        }

        if (source is not null && sourceServer is not null)
        {
            await GuardAsync(
                "source",
                async () =>
                {
                    await SchemaRules.CheckAsync(request, source, sourceServer, target, findings, cancellationToken).ConfigureAwait(false);
                    return true;
                },
                findings,
                () => source.IsUsable ? "target" : "source").ConfigureAwait(false);
        }

        return [.. findings.OrderByDescending(f => f.Severity)];
    }

    /// <summary>
    /// What stands in the way of taking further tables into a migration that is under way: what would not be so without them. Does not throw for what it finds.
    /// </summary>
    /// <param name="request">What moves with them; every schema names its tables.</param>
    /// <param name="added">The tables, which are among those named.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<IReadOnlyList<GateFinding>> InspectAddedAsync(GateRequest request, IReadOnlyCollection<TableName> added, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(added);
        var findings = new List<GateFinding>();
        await using var source = await TryOpenAsync("source", request.Source, findings, cancellationToken).ConfigureAwait(false);
        await using var target = await TryOpenAsync("target", request.Target, findings, cancellationToken).ConfigureAwait(false);
        if (source is null || target is null)
        {
            return findings;
        }

        var without = request with { Schemas = [.. request.Schemas.Select(s => s with { Tables = [.. s.Tables.Where(t => !added.Contains(new TableName(s.Name, t)))] }).Where(s => s.Tables.Count > 0)] };
        await GuardAsync(
            "source",
            async () =>
            {
                var server = await ServerFacts.ReadAsync(source, cancellationToken).ConfigureAwait(false);
                var (before, with) = (new List<GateFinding>(), new List<GateFinding>());
                await SchemaRules.CheckAsync(without, source, server, target, before, cancellationToken).ConfigureAwait(false);
                await SchemaRules.CheckAsync(request, source, server, target, with, cancellationToken).ConfigureAwait(false);
                var known = before.Select(f => (f.Code, f.What)).ToHashSet();
                findings.AddRange(with.Where(f => !known.Contains((f.Code, f.What))));
                foreach (var schema in added.GroupBy(t => t.Schema))
                {
                    await SchemaRules.CheckEmptyAsync(schema.Key, schema.Select(t => t.Name).ToHashSet(StringComparer.Ordinal), target, findings, cancellationToken).ConfigureAwait(false);
                }

                return true;
            },
            findings,
            () => source.IsUsable ? "target" : "source").ConfigureAwait(false);
        return [.. findings.OrderByDescending(f => f.Severity)];
    }

    /// <summary>
    /// What would keep a stream from running back after a change of sides: the log and the grants of the side that becomes authoritative,
    /// and what the account may write on the other. Grants can have gone since the migration was created.
    /// </summary>
    /// <param name="authoritative">The side that will be authoritative.</param>
    /// <param name="authoritativeSide">What to call it.</param>
    /// <param name="follower">The side that will follow.</param>
    /// <param name="followerSide">What to call it.</param>
    /// <param name="schemas">The migrated schemas.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<IReadOnlyList<GateFinding>> InspectWayBackAsync(
        ConnectionOptions authoritative, string authoritativeSide, ConnectionOptions follower, string followerSide, IReadOnlyCollection<string> schemas, CancellationToken cancellationToken)
    {
        var findings = new List<GateFinding>();
        await using var from = await TryOpenAsync(authoritativeSide, authoritative, findings, cancellationToken).ConfigureAwait(false);
        await using var to = await TryOpenAsync(followerSide, follower, findings, cancellationToken).ConfigureAwait(false);
        if (from is not null && await GuardAsync(authoritativeSide, () => ServerFacts.ReadAsync(from, cancellationToken), findings).ConfigureAwait(false) is { } log)
        {
            findings.AddRange(TargetServerRules.CheckReverse(log, authoritativeSide));
        }

        if (to is not null && await GuardAsync(followerSide, () => ServerFacts.ReadAsync(to, cancellationToken), findings).ConfigureAwait(false) is { } written)
        {
            findings.AddRange(SourceServerRules.CheckFollower(written, schemas, followerSide));
        }

        return findings;
    }

    private static async Task<BackendConnection?> TryOpenAsync(
        string side, ConnectionOptions options, List<GateFinding> findings, CancellationToken cancellationToken)
    {
        try
        {
            return await BackendConnection.OpenAsync(options, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException error)
        {
            findings.Add(GateFinding.Refuse(
                "login_refused", side, $"The {side} at {options.Host}:{options.Port} refused the login of {options.User}: {error.ServerMessage}.",
                "Check the user and the password of its DSN, and that the account may log in from this host."));
        }
        catch (Exception error) when (error is BackendUnavailableException or Wire.MalformedPacketException)
        {
            findings.Add(GateFinding.Refuse(
                "unreachable", side, $"The {side} at {options.Host}:{options.Port} cannot be reached: {error.Message}",
                "Check host and port of its DSN, that the server runs, and that nothing between blocks the way."));
        }

        return null;
    }

    /// <summary>A query the account may not run is a finding, not a failure.</summary>
    /// <param name="side">Whose query it is.</param>
    /// <param name="read">Runs it.</param>
    /// <param name="findings">Gets what came of it.</param>
    /// <param name="broken">Whose connection it was that broke, where both sides are asked.</param>
    private static async Task<T?> GuardAsync<T>(string side, Func<Task<T>> read, List<GateFinding> findings, Func<string>? broken = null)
    {
        try
        {
            return await read().ConfigureAwait(false);
        }
        catch (ServerErrorException error)
        {
            findings.Add(GateFinding.Refuse(
                "not_readable", side, $"The {side} does not let the account read what has to be known: {error.ServerMessage}.",
                "Grant it what the message names, and try again."));
        }
        catch (BackendUnavailableException error) when (error.Reason == UnavailableReason.TimedOut)
        {
            side = broken?.Invoke() ?? side;
            findings.Add(GateFinding.Refuse(
                "server_silent", side, $"The {side} let the account in, and then did not say what has to be known: {error.Message}",
                $"Look at the server of the {side}, its load, its disk and the network to it, and try again."));
        }
        catch (BackendUnavailableException error)
        {
            side = broken?.Invoke() ?? side;
            findings.Add(GateFinding.Refuse("unreachable", side, $"The connection to the {side} broke: {error.Message}", "Try again."));
        }

        return default;
    }
}
