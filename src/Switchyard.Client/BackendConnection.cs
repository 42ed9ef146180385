using System.Net;
using System.Net.Sockets;
using System.Text;
using Switchyard.Client.Protocol;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client;

/// <summary>
/// One logged-in connection to a server. Not thread-safe: one caller at a time, one command at a time. A command that is cancelled, or
/// during which the network breaks, leaves the connection unusable; every later command says so with <see cref="BackendUnavailableException"/>.
/// </summary>
public sealed class BackendConnection : IAsyncDisposable
{
    private static readonly TimeSpan s_giveBackLimit = TimeSpan.FromSeconds(5);
    private readonly ConnectionOptions _options;
    private readonly CommandChannel _channel;
    private OpenedConnection _opened;

    private BackendConnection(ConnectionOptions options, OpenedConnection opened)
    {
        _options = options;
        _opened = opened;
        _channel = new CommandChannel(opened, $"{options.Host}:{options.Port}", options.CommandTimeout) { Status = opened.Ok.Status };
    }

    /// <summary>What the server said about itself.</summary>
    public ServerInfo Server => _opened.Server;

    /// <summary>Status flags of the last answer.</summary>
    public ServerStatus Status => _channel.Status;

    /// <summary>Capabilities both ends agreed on.</summary>
    public Capabilities Negotiated => _opened.Capabilities;

    /// <summary>The answer to the login.</summary>
    public OkResult LoginResult => _opened.Ok;

    /// <summary>The plugin the login ended with.</summary>
    public string AuthPlugin => _opened.AuthPlugin;

    /// <summary>Whether the login was caching_sha2_password's short one.</summary>
    internal bool WasFastLogin => _opened.WasFast;

    public bool IsTls => _opened.IsProtected;

    /// <summary>Our port of the connection, by which the server lists it too unless addresses are translated on the way; null when somebody else has made the connection.</summary>
    public int? LocalPort => ((_opened.Connection as NetworkStream)?.Socket.LocalEndPoint as IPEndPoint)?.Port;

    /// <summary>False once the connection broke, was abandoned, detached or closed.</summary>
    public bool IsUsable => _channel.IsUsable;

    /// <summary>Time the server may stay silent during a command, from the next one on; null is no limit. To begin with, what the options say.</summary>
    public TimeSpan? CommandTimeout
    {
        get => _channel.CommandTimeout;
        set => _channel.CommandTimeout = value;
    }

    /// <summary>The options the connection was opened with.</summary>
    public ConnectionOptions Options => _options;

    /// <summary>Connects and logs in.</summary>
    /// <exception cref="ServerErrorException">The server refused: wrong password, too many connections, host not allowed.</exception>
    /// <exception cref="BackendUnavailableException">No connection could be made, or not in time.</exception>
    /// <exception cref="MalformedPacketException">The peer does not speak the protocol.</exception>
    public static async Task<BackendConnection> OpenAsync(ConnectionOptions options, CancellationToken cancellationToken) =>
        await WithCollationAsync(new BackendConnection(options, await ConnectionOpener.OpenAsync(options, cancellationToken).ConfigureAwait(false)), cancellationToken).ConfigureAwait(false);

    /// <summary>Logs in where the server has greeted already.</summary>
    internal static async Task<BackendConnection> OpenAsync(Greeted greeted, ConnectionOptions options, CancellationToken cancellationToken) =>
        await WithCollationAsync(new BackendConnection(options, await ConnectionOpener.LogInAsync(greeted, options, cancellationToken).ConfigureAwait(false)), cancellationToken).ConfigureAwait(false);

    /// <summary>Takes back what <see cref="Detach"/> has handed over, between two commands. The transport is this object's from then on.</summary>
    /// <param name="options">Who is, or is about to be, logged in; nothing is agreed on anew.</param>
    public static BackendConnection Attach(BackendTransport transport, ConnectionOptions options)
    {
        ArgumentNullException.ThrowIfNull(transport);
        return new BackendConnection(
            options,
            new OpenedConnection(
                transport.Connection, new PacketStream(transport.Stream), transport.Server, transport.Negotiated, transport.Nonce, transport.AuthPlugin, new OkResult(0, 0, 0, transport.Status, ""))
            {
                IsProtected = transport.IsTls,
            });
    }

    /// <summary>Runs one statement by the text protocol; a result set, if any, is read and dropped.</summary>
    /// <exception cref="ServerErrorException">The statement failed.</exception>
    public Task<OkResult> ExecuteAsync(string sql, CancellationToken cancellationToken) =>
        ExecuteAsync(Encoding.UTF8.GetBytes(sql), cancellationToken);

    /// <inheritdoc cref="ExecuteAsync(string, CancellationToken)"/>
    public async Task<OkResult> ExecuteAsync(ReadOnlyMemory<byte> sql, CancellationToken cancellationToken)
    {
        await _channel.SendQueryAsync(sql, cancellationToken).ConfigureAwait(false);
        return (await DrainAsync(cancellationToken).ConfigureAwait(false))[0];
    }

    /// <summary>Runs several statements sent as one; each gives one result (a procedure call may give more).</summary>
    /// <exception cref="ServerErrorException">
    /// One failed, the later ones were not run; <see cref="ServerErrorException.StatementIndex"/> tells which.
    /// </exception>
    public async Task<IReadOnlyList<OkResult>> ExecuteMultiAsync(ReadOnlyMemory<byte> sql, CancellationToken cancellationToken)
    {
        await _channel.SendQueryAsync(sql, cancellationToken).ConfigureAwait(false);
        return await DrainAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>As the other one, of a text that lies in pieces.</summary>
    public async Task<IReadOnlyList<OkResult>> ExecuteMultiAsync(IReadOnlyList<QueryPiece> pieces, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        await _channel.SendQueryAsync(pieces, cancellationToken).ConfigureAwait(false);
        return await DrainAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc cref="ExecuteMultiAsync(ReadOnlyMemory{byte}, CancellationToken)"/>
    public Task<IReadOnlyList<OkResult>> ExecuteMultiAsync(string sql, CancellationToken cancellationToken) =>
        ExecuteMultiAsync(Encoding.UTF8.GetBytes(sql), cancellationToken);

    /// <summary>
    /// Runs statements that give back what the session holds, such as ROLLBACK or UNLOCK TABLES, though the caller may have been cancelled. A server that does not answer
    /// within five seconds is not waited for: the connection is closed, and its end gives back the same.
    /// </summary>
    /// <exception cref="ServerErrorException">One failed.</exception>
    /// <exception cref="BackendUnavailableException">The connection broke.</exception>
    public async Task GiveBackAsync(string sql)
    {
        using var limit = new CancellationTokenSource(s_giveBackLimit);
        try
        {
            await ExecuteMultiAsync(sql, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The connection is closed by that.
        }
    }

    /// <summary>Runs one statement and holds its first result set in memory.</summary>
    public Task<QueryResult> QueryAsync(string sql, CancellationToken cancellationToken) =>
        QueryAsync(Encoding.UTF8.GetBytes(sql), cancellationToken);

    /// <inheritdoc cref="QueryAsync(string, CancellationToken)"/>
    public async Task<QueryResult> QueryAsync(ReadOnlyMemory<byte> sql, CancellationToken cancellationToken) =>
        (await QueryMultiAsync(sql, cancellationToken).ConfigureAwait(false))[0];

    /// <summary>Runs several statements sent as one and holds all their results in memory.</summary>
    public async Task<IReadOnlyList<QueryResult>> QueryMultiAsync(ReadOnlyMemory<byte> sql, CancellationToken cancellationToken)
    {
        var reader = await StreamAsync(sql, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            return await reader.BufferAllAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Runs one statement and reads its rows as they come. The connection is taken until the reader is disposed.</summary>
    public Task<ResultReader> StreamAsync(string sql, CancellationToken cancellationToken) =>
        StreamAsync(Encoding.UTF8.GetBytes(sql), cancellationToken);

    /// <inheritdoc cref="StreamAsync(string, CancellationToken)"/>
    public async Task<ResultReader> StreamAsync(ReadOnlyMemory<byte> sql, CancellationToken cancellationToken)
    {
        await _channel.SendQueryAsync(sql, cancellationToken).ConfigureAwait(false);
        return await ResultReader.OpenAsync(_channel, isBinary: false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Prepares a statement at the server (binary protocol).</summary>
    public Task<PreparedStatement> PrepareAsync(string sql, CancellationToken cancellationToken) => PrepareAsync(Encoding.UTF8.GetBytes(sql), cancellationToken);

    /// <inheritdoc cref="PrepareAsync(string, CancellationToken)"/>
    public Task<PreparedStatement> PrepareAsync(ReadOnlyMemory<byte> sql, CancellationToken cancellationToken) =>
        PreparedStatement.PrepareAsync(_channel, sql, cancellationToken);

    /// <summary>COM_PING: is the server still there.</summary>
    public Task PingAsync(CancellationToken cancellationToken) => SimpleAsync(CommandKind.Ping, default, cancellationToken);

    /// <summary>COM_RESET_CONNECTION: a session as new, without a new login (MySQL 5.7+, MariaDB 10.2+).</summary>
    public Task ResetAsync(CancellationToken cancellationToken) => SimpleAsync(CommandKind.ResetConnection, default, cancellationToken);

    /// <summary>COM_INIT_DB: changes the default schema.</summary>
    public Task ChangeSchemaAsync(string schema, CancellationToken cancellationToken) =>
        SimpleAsync(CommandKind.InitDb, Encoding.UTF8.GetBytes(schema), cancellationToken);

    /// <summary>COM_CHANGE_USER: logs in anew on this connection, as the user and with the password, schema and attributes of the options.</summary>
    /// <exception cref="ServerErrorException">Refused; the server has closed the connection then.</exception>
    public async Task ChangeUserAsync(ConnectionOptions options, CancellationToken cancellationToken)
    {
        var isTls = IsTls;
        var plugin = AuthExchange.CanStartWith(_opened.AuthPlugin, options, isTls) ? _opened.AuthPlugin : Wire.Auth.AuthPlugins.NativePassword;
        var proof = AuthExchange.FirstProof(plugin, options, isTls, _opened.Nonce);
        var text = CharacterSets.OfLogin(options.Collation, _opened.Server.Collation);
        var writer = _channel.Begin();
        new ChangeUserPayload
        {
            User = text.GetBytes(options.User),
            AuthResponse = proof,
            Schema = text.GetBytes(options.Schema ?? ""),
            Collation = options.Collation,
            AuthPlugin = plugin,
            Attributes = [.. options.Attributes],
        }.Write(writer, Negotiated);
        await _channel.SendAsync(default, cancellationToken).ConfigureAwait(false);
        var exchange = new AuthExchange(_opened.Packets, options, text, isTls, plugin, _opened.Nonce);
        var ok = await _channel.GuardAsync(token => exchange.CompleteAsync(Negotiated, token), cancellationToken).ConfigureAwait(false);
        _opened = _opened with { Nonce = exchange.Nonce, AuthPlugin = exchange.Plugin, Ok = ok };
        _channel.Complete(ok.Status);
    }

    /// <summary>Turns the connection into a stream of binary log events. It can do nothing else from then on.</summary>
    /// <exception cref="ServerErrorException">Refused: no privilege, position purged (1236).</exception>
    public Task<BinlogDump> DumpBinlogAsync(BinlogDumpRequest request, CancellationToken cancellationToken) =>
        BinlogDump.StartAsync(this, _channel, request, cancellationToken);

    /// <summary>Hands over the socket and its stream; this object is spent afterwards and its disposal does nothing.</summary>
    /// <exception cref="InvalidOperationException">A command is under way, or the server has sent something unasked.</exception>
    public BackendTransport Detach()
    {
        _channel.MarkDetached();
        return new BackendTransport(_opened.Connection, _opened.Packets.Stream, _opened.Capabilities, _opened.Server, _channel.Status, IsTls)
        {
            Nonce = _opened.Nonce,
            AuthPlugin = _opened.AuthPlugin,
        };
    }

    /// <summary>
    /// Says goodbye and closes the connection, once the server has ended it as well or not done so within five seconds: until then it is one of those that the server allows.
    /// </summary>
    public async Task LeaveAsync()
    {
        if (_channel.IsReady)
        {
            using var limit = new CancellationTokenSource(s_giveBackLimit);
            try
            {
                _channel.Begin().WriteByte((byte)CommandKind.Quit);
                await _channel.SendAsync(default, limit.Token).ConfigureAwait(false);
                await _channel.ReadAsync(limit.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is BackendUnavailableException or OperationCanceledException)
            {
                // That is its end.
            }
        }

        await DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Says goodbye (COM_QUIT) if the connection still works, and closes it.</summary>
    public ValueTask DisposeAsync() => _channel.CloseAsync();

    /// <summary>A login has one byte for the collation, a change of user two.</summary>
    private static async Task<BackendConnection> WithCollationAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        if (connection._options.Collation > byte.MaxValue)
        {
            try
            {
                await connection.ChangeUserAsync(connection._options, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                await connection.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }

        return connection;
    }

    private async Task<IReadOnlyList<OkResult>> DrainAsync(CancellationToken cancellationToken)
    {
        var reader = await ResultReader.OpenAsync(_channel, isBinary: false, cancellationToken).ConfigureAwait(false);
        await using (reader.ConfigureAwait(false))
        {
            return await reader.SkipAllAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task SimpleAsync(CommandKind command, ReadOnlyMemory<byte> argument, CancellationToken cancellationToken)
    {
        var writer = _channel.Begin();
        writer.WriteByte((byte)command);
        writer.WriteBytes(argument.Span);
        await _channel.SendAsync(default, cancellationToken).ConfigureAwait(false);
        var payload = await _channel.ReadAsync(cancellationToken).ConfigureAwait(false);
        _channel.CompleteWithOk(payload.Span);
    }
}
