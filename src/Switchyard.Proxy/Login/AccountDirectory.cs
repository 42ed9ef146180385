using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Wire;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Login;

/// <summary>A client as the server would see it, had it connected directly.</summary>
/// <param name="Address">IPv4-mapped addresses as IPv4.</param>
/// <param name="HostName">Null where the server does not resolve names, or the address has none.</param>
public sealed record ClientHost(IPAddress Address, string? HostName)
{
    /// <summary>As servers name the client in an error.</summary>
    public override string ToString() => HostName ?? Address.ToString();
}

/// <summary>The accounts the server may choose for a client.</summary>
/// <param name="Candidates">
/// Empty when none matches; usually one; several when they are equally specific, among which the server's choice is chance.
/// </param>
/// <param name="Client">The client as the server would see it.</param>
/// <param name="UsualPlugin">What the server's accounts prove themselves by where nothing else was said.</param>
public sealed record AccountMatch(IReadOnlyList<Account> Candidates, ClientHost Client, string UsualPlugin);

/// <summary>
/// The accounts of one backend, read through the administrative connection and kept for a short time. Thread-safe. A login refused by a
/// kept account is looked up again before it counts, so a password changed a moment ago works at once. While the backend cannot be reached, or does
/// not answer in time, clients that live on another backend by now are let in by what was read last; whoever lives on this one has to log in to it all the same.
/// </summary>
public sealed class AccountDirectory(ConnectionOptions admin, TimeProvider time) : IAsyncDisposable
{
    /// <summary>How long an account read is good for a login that it accepts; each login is proven at the backend anyway.</summary>
    private static readonly TimeSpan s_keep = TimeSpan.FromSeconds(30);

    /// <summary>The same while the backend cannot be reached. Bounded, since an account may have been dropped between the reading and the backend's end.</summary>
    private static readonly TimeSpan s_keepUnreachable = TimeSpan.FromHours(1);

    /// <summary>How long a backend that could not be reached is not asked again where something is kept: a login must not wait for a frozen one each time.</summary>
    private static readonly TimeSpan s_unreachable = TimeSpan.FromSeconds(5);

    /// <summary>How long a backend has to answer where something is kept: well within what a login may take.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan s_maxLookupWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_maxNameLookup = TimeSpan.FromSeconds(2);

    // More names than this are made up; real ones are then simply read again.
    private const int MaxKept = 10_000;

    private readonly ConcurrentDictionary<string, Entry> _kept = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _turn = new(1);
    private BackendConnection? _connection;
    private readonly List<string> _waiting = [];
    private bool _resolvesNames;
    private long _failedAt;

    /// <summary>Finds the account a client's user name means, by the address the client comes from.</summary>
    /// <param name="user">As the client gave it.</param>
    /// <param name="address">Where the client connects from.</param>
    /// <param name="refresh">Reads anew, whatever is kept.</param>
    /// <exception cref="BackendUnavailableException">The backend cannot be asked.</exception>
    /// <exception cref="ServerErrorException">The backend refuses the administrative account.</exception>
    public async Task<AccountMatch> FindAsync(string user, IPAddress address, bool refresh, CancellationToken cancellationToken)
    {
        var client = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var entry = await ReadAsync(user, refresh, cancellationToken).ConfigureAwait(false);
        var needsName = entry.ResolvesNames && (IPAddress.IsLoopback(client) || entry.Accounts.Any(ranked => HostPattern.MayBeName(ranked.Account.Host)));
        var host = new ClientHost(client, needsName ? await ResolveAsync(client, cancellationToken).ConfigureAwait(false) : null);
        var matching = entry.Accounts.Where(ranked => HostPattern.Matches(ranked.Account.Host, client, host.HostName)).ToList();
        return new AccountMatch([.. matching.Where(ranked => ranked.Rank == matching[0].Rank).Select(ranked => ranked.Account)], host, entry.UsualPlugin);
    }

    /// <summary>The plugin a server gives its accounts, and begins its logins with, where nothing else was said.</summary>
    public static string UsualPluginOf(ServerInfo server) =>
        server.IsAtLeast(ServerVendor.MySql, 8, 0) ? AuthPlugins.CachingSha2Password : AuthPlugins.NativePassword;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync().ConfigureAwait(false);
        }

        _turn.Dispose();
    }

    /// <summary>
    /// The connection shows in the server's list of sessions and takes one of those it allows, which may be the one that whoever has read the accounts needs next. So it is gone by then,
    /// unless another user's login waits to read over it.
    /// </summary>
    private async Task LeaveUnlessAwaitedAsync(string user)
    {
        bool isAwaited;
        lock (_waiting)
        {
            isAwaited = _waiting.Exists(other => other != user);
        }

        if (!isAwaited && _connection is { } connection)
        {
            _connection = null;
            await connection.LeaveAsync().ConfigureAwait(false);
        }
    }

    private async Task<Entry> ReadAsync(string user, bool refresh, CancellationToken cancellationToken)
    {
        var asked = time.GetTimestamp();
        var last = refresh ? null : _kept.GetValueOrDefault(user);
        if (last is not null && IsGood(last, IsUnreachable ? s_keepUnreachable : s_keep))
        {
            return last;
        }

        if (last is not null && !IsGood(last, s_keepUnreachable))
        {
            last = null;
        }

        if (!await TakeTurnAsync(user, last is null ? s_maxLookupWait : s_patience, cancellationToken).ConfigureAwait(false))
        {
            return last ?? throw new BackendUnavailableException(UnavailableReason.TimedOut, $"{admin.Host}:{admin.Port} did not answer account lookups within {s_maxLookupWait.TotalSeconds} s.");
        }

        try
        {
            // Another login of the same user may have read while this one waited.
            if (_kept.TryGetValue(user, out var kept) && (kept.ReadAt >= asked || (!refresh && IsGood(kept, s_keep))))
            {
                return kept;
            }

            if (last is not null && IsUnreachable)
            {
                return last;
            }

            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            if (last is not null)
            {
                patience.CancelAfter(s_patience);
            }

            Entry entry;
            try
            {
                entry = await ReadFromBackendAsync(user, patience.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (last is not null && !cancellationToken.IsCancellationRequested && (e is BackendUnavailableException or OperationCanceledException or ServerErrorException { Code: ClientError.TooManyConnectionsCode }))
            {
                Volatile.Write(ref _failedAt, time.GetTimestamp());
                return last;
            }

            if (_kept.Count >= MaxKept)
            {
                _kept.Clear();
            }

            return _kept[user] = entry;
        }
        finally
        {
            await LeaveUnlessAwaitedAsync(user).ConfigureAwait(false);
            _turn.Release();
        }
    }

    private async Task<bool> TakeTurnAsync(string user, TimeSpan limit, CancellationToken cancellationToken)
    {
        lock (_waiting)
        {
            _waiting.Add(user);
        }

        try
        {
            return await _turn.WaitAsync(limit, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_waiting)
            {
                _waiting.Remove(user);
            }
        }
    }

    private bool IsUnreachable => Volatile.Read(ref _failedAt) is not 0 and var at && time.GetElapsedTime(at) < s_unreachable;

    private bool IsGood(Entry entry, TimeSpan limit) => time.GetElapsedTime(entry.ReadAt) < limit;

    private async Task<Entry> ReadFromBackendAsync(string user, CancellationToken cancellationToken)
    {
        var wasOpen = _connection is { IsUsable: true };
        try
        {
            return await ReadOnceAsync(user, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (wasOpen && e is BackendUnavailableException or ServerErrorException { Code: 4031 or 1927 })
        {
            // The server closed the idle connection; reading is repeatable.
            return await ReadOnceAsync(user, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What the backend says wrong is no packet of the client's that logs in.</summary>
    private async Task<BackendConnection> OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await BackendConnection.OpenAsync(admin with { Schema = null }, cancellationToken).ConfigureAwait(false);
        }
        catch (MalformedPacketException exception)
        {
            throw BackendProfiles.Broke(exception);
        }
    }

    private async Task<Entry> ReadOnceAsync(string user, CancellationToken cancellationToken)
    {
        if (_connection is not { IsUsable: true })
        {
            _connection = await OpenAsync(cancellationToken).ConfigureAwait(false);
            var setting = await _connection.QueryAsync("SELECT @@skip_name_resolve", cancellationToken).ConfigureAwait(false);
            _resolvesNames = setting.GetString(0, 0) is "0" or "OFF";
        }

        try
        {
            var started = time.GetTimestamp();
            var accounts = await AccountReader.ReadAsync(_connection, user, cancellationToken).ConfigureAwait(false);
            var server = _connection.Server;
            return new Entry([.. accounts.Select(account => new Ranked(account, AccountOrder.Rank(account, server))).OrderBy(ranked => ranked.Rank)], _resolvesNames, UsualPluginOf(server), started);
        }
        catch (ServerErrorException)
        {
            await _connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The name servers would find: loopback is localhost, others need a reverse entry that leads back to the address.</summary>
    private static async Task<string?> ResolveAsync(IPAddress address, CancellationToken cancellationToken)
    {
        if (IPAddress.IsLoopback(address))
        {
            return "localhost";
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_maxNameLookup);
        try
        {
            var name = (await Dns.GetHostEntryAsync(address.ToString(), limit.Token).ConfigureAwait(false)).HostName;
            var back = await Dns.GetHostAddressesAsync(name, limit.Token).ConfigureAwait(false);
            return back.Contains(address) && !IPAddress.TryParse(name, out _) ? name : null;
        }
        catch (Exception e) when (e is SocketException or ArgumentException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return null;
        }
    }

    /// <summary>Accounts in the server's order.</summary>
    private sealed record Entry(IReadOnlyList<Ranked> Accounts, bool ResolvesNames, string UsualPlugin, long ReadAt);

    private sealed record Ranked(Account Account, (long, long, long, long, long, bool) Rank);
}
