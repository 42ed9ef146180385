using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Reads;
using Switchyard.Proxy.Sessions;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Shadow;

/// <summary>Runs reads on both sides, one after the other, and says what the answers come to. One read at a time.</summary>
internal sealed class ShadowWorker(
    LegOpener opener, BackendProfiles profiles, AppliedPositions applied, ShadowReads reads, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    public const string VolatileFunctions = "functions that give something else each time";
    private const string BusyServers = "a server is busy";
    private const string NotReachable = "a server cannot be reached";
    private const string TooSlow = "it takes too long";
    private const string Lagging = "the target did not catch up in time";
    private const string KeptChanging = "its rows kept changing";
    private const string ServerTrouble = "a server ended it";

    /// <summary>Rounds of looking again before rows count as ever changing.</summary>
    private const int MaxRounds = 5;

    /// <summary>As for the copy.</summary>
    private const int MaxThreadsRunning = 100;

    private static readonly TimeSpan s_readLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_lagLimit = TimeSpan.FromSeconds(15);

    /// <summary>Errors that say something of the moment and nothing of the statement: interrupted, deadlock, lock wait, shutdown, too many connections.</summary>
    private static readonly HashSet<int> s_ofTheMoment = [1020, 1040, 1053, 1080, 1205, 1213, 1226, 1317, 1927, 1969, 2006, 2013, 3024];

    private readonly ShadowPairs _pairs = new(opener, profiles, time);
    private readonly ServerLoad _load = new(profiles, time, MaxThreadsRunning);
    private readonly Dictionary<string, SourcePosition> _positions = new(StringComparer.Ordinal);
    private bool _targetFirst;

    public Task TidyAsync() => _pairs.TidyAsync();

    public async Task RunAsync(ShadowRead read, ShadowLedger ledger, CancellationToken cancellationToken)
    {
        var traits = ReadTraits.Read(read.Sql.Span, read.Options);
        if (traits.IsVolatile)
        {
            ledger.NotRun(VolatileFunctions);
            return;
        }

        try
        {
            if (await GetReadyAsync(read, traits, cancellationToken) is not { } pair)
            {
                ledger.NotRun(BusyServers);
                return;
            }

            await CompareAsync(read, traits, pair, ledger, cancellationToken);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // One that stands still, or whose machine has gone, says nothing for ever. What was asked on cannot be used again.
            ledger.NotRun(NotReachable);
        }
        catch (ShadowRefusedException refused)
        {
            ledger.NotRun(refused.Message);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException or Wire.MalformedPacketException)
        {
            ledger.NotRun(NotReachable);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _pairs.DisposeAsync();
        await _load.DisposeAsync();
        foreach (var position in _positions.Values)
        {
            await position.DisposeAsync();
        }
    }

    /// <summary>Connections that are as the session's were, for the read to be run on; null where the servers have enough to do.</summary>
    /// <exception cref="OperationCanceledException">A side did not answer within the time that a read has.</exception>
    private async Task<ShadowPair?> GetReadyAsync(ShadowRead read, ReadTraits traits, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(s_readLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        if (await _load.IsBusyAsync(read.Source, either.Token) || await _load.IsBusyAsync(read.Target, either.Token))
        {
            return null;
        }

        var pair = await _pairs.GetAsync(read, either.Token);
        await pair.PrepareAsync(read, traits.UsesClock, either.Token);
        return pair;
    }

    private async Task CompareAsync(ShadowRead read, ReadTraits traits, ShadowPair pair, ShadowLedger ledger, CancellationToken cancellationToken)
    {
        // Whoever goes first finds the machine's caches colder: they take turns.
        _targetFirst = !_targetFirst;
        var first = await AnswerAsync(read, traits, pair, onTarget: _targetFirst, cancellationToken);
        var second = await AnswerAsync(read, traits, pair, onTarget: !_targetFirst, cancellationToken);
        var (source, target) = _targetFirst ? (second, first) : (first, second);
        var verdict = Judge(source, target, traits);
        if (verdict is { Kind: VerdictKind.Open, What: DigestComparison.OpenLimit } && WithRoomForOneMore(read, traits) is { } wider)
        {
            verdict = await DecideCutAsync(wider, traits, pair, verdict, cancellationToken);
        }
        else if (verdict.Kind == VerdictKind.Different)
        {
            verdict = await LookAgainAsync(read, traits, pair, cancellationToken);
        }

        if (!reads.Wants(read))
        {
            // The sides may have changed meanwhile, and then the two need not be the same.
            return;
        }

        var shape = StatementShape.Text(read.Sql.Span, read.Options) ?? StatementText.Of(read.Info);
        var isNews = ledger.Add(shape, source.Digest ?? new ReadDigest(), target.Digest ?? new ReadDigest(), verdict, TypesOf(source, target));
        if (verdict.Kind == VerdictKind.Different)
        {
            ShadowLog.StatementDiffers(logger, read.Migration, System.Text.Encoding.UTF8.GetString(read.Sql.Span));
            if (isNews)
            {
                reads.Tell(read.Migration, shape, verdict);
            }
        }
    }

    /// <summary>
    /// Rows may have changed between the two answers, and the target may be behind. The source is read, the target once it has all that the source
    /// had logged by then, and the source again: if it says the same both times, the target must say so too.
    /// </summary>
    private async Task<Verdict> LookAgainAsync(ShadowRead read, ReadTraits traits, ShadowPair pair, CancellationToken cancellationToken)
    {
        for (var round = 0; round < MaxRounds && reads.Wants(read); round++)
        {
            await FaultPoints.HitAsync("proxy.shadow.again.before", cancellationToken);
            var before = await AnswerAsync(read, traits, pair, onTarget: false, cancellationToken);
            if (!await CatchUpAsync(read, cancellationToken))
            {
                return Verdict.Open(Lagging);
            }

            var target = await AnswerAsync(read, traits, pair, onTarget: true, cancellationToken);
            var after = await AnswerAsync(read, traits, pair, onTarget: false, cancellationToken);
            var verdict = Judge(before, target, traits);
            if (verdict.Kind != VerdictKind.Different || Judge(after, target, traits).Kind != VerdictKind.Different)
            {
                return verdict.Kind != VerdictKind.Different ? verdict : Verdict.Same;
            }

            if (Judge(before, after, traits).Kind == VerdictKind.Same)
            {
                return verdict;
            }
        }

        return Verdict.Open(KeptChanging);
    }

    /// <summary>With one row more asked for and none more there, the LIMIT cuts nothing off, and the rows are determined after all.</summary>
    private async Task<Verdict> DecideCutAsync(ShadowRead wider, ReadTraits traits, ShadowPair pair, Verdict open, CancellationToken cancellationToken)
    {
        var source = await AnswerAsync(wider, traits, pair, onTarget: false, cancellationToken);
        var target = await AnswerAsync(wider, traits, pair, onTarget: true, cancellationToken);
        var limit = traits.Limit!.Value.Rows;
        if (source.Digest is not { ErrorCode: null } here || target.Digest is not { ErrorCode: null } there || here.Rows > limit || there.Rows > limit)
        {
            return open;
        }

        var uncut = traits with { HasLimit = false };
        return Judge(source, target, uncut).Kind == VerdictKind.Different ? await LookAgainAsync(wider, uncut, pair, cancellationToken) : Verdict.Same;
    }

    private static ShadowRead? WithRoomForOneMore(ShadowRead read, ReadTraits traits)
    {
        if (traits.Limit is not { Rows: < 10_000 } limit || read.Parameters is not null)
        {
            return null;
        }

        var more = System.Text.Encoding.ASCII.GetBytes((limit.Rows + 1).ToString(System.Globalization.CultureInfo.InvariantCulture));
        return read with { Sql = (byte[])[.. read.Sql.Span[..limit.Start], .. more, .. read.Sql.Span[(limit.Start + limit.Length)..]] };
    }

    private async Task<bool> CatchUpAsync(ShadowRead read, CancellationToken cancellationToken)
    {
        if (!_positions.TryGetValue(read.Source, out var source))
        {
            _positions[read.Source] = source = new SourcePosition(profiles, read.Source);
        }

        using var limit = new CancellationTokenSource(s_lagLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var position = await source.ReadAsync(either.Token);
            await applied.WaitAsync(read.Migration, position, either.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task<Outcome> AnswerAsync(ShadowRead read, ReadTraits traits, ShadowPair pair, bool onTarget, CancellationToken cancellationToken)
    {
        var connection = onTarget ? pair.Target : pair.Source;
        if (!connection.IsUsable)
        {
            return new Outcome(null, ServerTrouble);
        }

        using var limit = new CancellationTokenSource(s_readLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var connectionId = connection.Server.ConnectionId;
        var started = time.GetTimestamp();
        try
        {
            var digest = read.Parameters is { } parameters
                ? await ExecuteAsync(connection, read, parameters, traits, pair.ReadsJson, either.Token)
                : await QueryAsync(connection, read, traits, pair.ReadsJson, either.Token);
            digest.Elapsed = time.GetElapsedTime(started);
            return digest.IsTooLarge ? await GiveUpAsync(read, onTarget, connection, connectionId, DigestComparison.TooLarge, cancellationToken) : new Outcome(digest, null);
        }
        catch (ServerErrorException error)
        {
            return s_ofTheMoment.Contains(error.Code)
                ? new Outcome(null, ServerTrouble)
                : new Outcome(new ReadDigest { ErrorCode = error.Code, Elapsed = time.GetElapsedTime(started) }, null);
        }
        catch (BackendUnavailableException)
        {
            return new Outcome(null, ServerTrouble);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return await GiveUpAsync(read, onTarget, connection, connectionId, TooSlow, cancellationToken);
        }
    }

    /// <summary>The rest of a long answer is not read: its connection is closed, and its server told.</summary>
    private async Task<Outcome> GiveUpAsync(
        ShadowRead read, bool onTarget, BackendConnection connection, uint connectionId, string reason, CancellationToken cancellationToken)
    {
        await connection.DisposeAsync();
        await _pairs.EndAtServerAsync(onTarget ? read.Target : read.Source, connectionId, cancellationToken);
        return new Outcome(null, reason);
    }

    private static async Task<ReadDigest> QueryAsync(
        BackendConnection connection, ShadowRead read, ReadTraits traits, bool readsJson, CancellationToken cancellationToken)
    {
        var reader = await connection.StreamAsync(read.Sql, cancellationToken);
        var digest = await ReadDigest.ReadAsync(reader, traits, readsJson, cancellationToken);
        return await EndAsync(digest, reader);
    }

    private static async Task<ReadDigest> ExecuteAsync(
        BackendConnection connection, ShadowRead read, ReadOnlyMemory<byte> parameters, ReadTraits traits, bool readsJson, CancellationToken cancellationToken)
    {
        await using var statement = await connection.PrepareAsync(read.Sql, cancellationToken);
        var reader = await statement.StreamAsync(parameters, cancellationToken);
        var digest = await ReadDigest.ReadAsync(reader, traits, readsJson, cancellationToken);
        return await EndAsync(digest, reader);
    }

    private static async Task<ReadDigest> EndAsync(ReadDigest digest, ResultReader reader)
    {
        // Disposing the reader would read all the rest.
        if (!digest.IsTooLarge)
        {
            await reader.DisposeAsync();
        }

        return digest;
    }

    private static Verdict Judge(Outcome source, Outcome target, ReadTraits traits) =>
        (source.Trouble ?? target.Trouble) is { } trouble ? Verdict.Open(trouble) : DigestComparison.Compare(source.Digest!, target.Digest!, traits);

    private static string? TypesOf(Outcome source, Outcome target) =>
        source.Digest is { ErrorCode: null } here && target.Digest is { ErrorCode: null } there ? DigestComparison.Types(here, there) : null;

    /// <summary>An answer, or why there is none that says anything of the statement.</summary>
    private sealed record Outcome(ReadDigest? Digest, string? Trouble);
}
