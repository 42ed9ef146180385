using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Compression;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client.Protocol;

/// <summary>A connection that has just logged in.</summary>
internal sealed record OpenedConnection(
    Stream Connection, PacketStream Packets, ServerInfo Server, Capabilities Capabilities, byte[] Nonce, string AuthPlugin, OkResult Ok)
{
    /// <summary>See <see cref="AuthExchange.WasFast"/>.</summary>
    public bool WasFast { get; init; }

    public required bool IsProtected { get; init; }
}

/// <summary>A connection on which the server has greeted and nothing has been answered.</summary>
internal sealed record Greeted(Stream Connection, PacketStream Packets, HandshakePayload Greeting);

/// <summary>Connects, agrees on TLS and capabilities, and logs in.</summary>
internal static class ConnectionOpener
{
    public static async Task<OpenedConnection> OpenAsync(ConnectionOptions options, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.ConnectTimeout);
        try
        {
            try
            {
                return await OpenOnceAsync(options, timeout.Token).ConfigureAwait(false);
            }
            catch (BackendUnavailableException e) when (e.Reason == UnavailableReason.TlsFailed && options.SslMode == SslMode.Preferred && options.SslCert is null)
            {
                // The server offers a TLS too old to agree on: preferred means that clear is good enough then.
                return await OpenOnceAsync(options with { SslMode = SslMode.Disabled }, timeout.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw TimedOut(options, "complete a login", e);
        }
    }

    /// <summary>Connects and reads the greeting. The caller owns the result.</summary>
    public static async Task<Greeted> GreetAsync(ConnectionOptions options, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.ConnectTimeout);
        try
        {
            if (options.Dialer is not null)
            {
                return await ReadGreetingAsync(await ConnectAsync(options, timeout.Token).ConfigureAwait(false), options, timeout.Token).ConfigureAwait(false);
            }

            if (await UngreetedConnections.TakeAsync(options.Host, options.Port, timeout.Token).ConfigureAwait(false) is { } left)
            {
                try
                {
                    return await WaitAsync(left, options, timeout.Token).ConfigureAwait(false);
                }
                catch (BackendUnavailableException)
                {
                    // It broke, which says nothing of the server that may be there by now.
                }
            }

            var connection = (NetworkStream)await ConnectAsync(options, timeout.Token).ConfigureAwait(false);
            return await WaitAsync(new UngreetedConnection(connection, ReadGreetingAsync(connection, options, CancellationToken.None)), options, timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw TimedOut(options, "greet", e);
        }
    }

    private static async Task<Greeted> ReadGreetingAsync(Stream connection, ConnectionOptions options, CancellationToken cancellationToken)
    {
        var packets = new PacketStream(connection);
        return await GuardAsync(
            packets,
            options,
            async token => new Greeted(connection, packets, ReadGreeting(await packets.ReadAsync(token).ConfigureAwait(false))),
            cancellationToken).ConfigureAwait(false);
    }

    private static async Task<Greeted> WaitAsync(UngreetedConnection connection, ConnectionOptions options, CancellationToken cancellationToken)
    {
        try
        {
            var greeted = await connection.Greeting.WaitAsync(cancellationToken).ConfigureAwait(false);
            UngreetedConnections.Answered(options.Host, options.Port);
            return greeted;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            UngreetedConnections.Leave(options.Host, options.Port, connection);
            throw;
        }
    }

    /// <summary>Logs in where the server has greeted. The connection is closed when that fails.</summary>
    public static async Task<OpenedConnection> LogInAsync(Greeted greeted, ConnectionOptions options, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(options.ConnectTimeout);
        try
        {
            return await GuardAsync(greeted.Packets, options, token => LogInOnceAsync(greeted, options, token), timeout.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw TimedOut(options, "complete a login", e);
        }
    }

    private static async Task<OpenedConnection> OpenOnceAsync(ConnectionOptions options, CancellationToken cancellationToken) =>
        await LogInAsync(await GreetAsync(options, cancellationToken).ConfigureAwait(false), options, cancellationToken).ConfigureAwait(false);

    private static BackendUnavailableException TimedOut(ConnectionOptions options, string what, Exception inner) => new(
        UnavailableReason.TimedOut, $"{options.Host}:{options.Port} did not {what} within {options.ConnectTimeout.TotalSeconds:0.###} s.", inner);

    /// <summary>Closes the connection when the action on it fails, and says so when it was the network.</summary>
    private static async Task<T> GuardAsync<T>(
        PacketStream packets, ConnectionOptions options, Func<CancellationToken, Task<T>> action, CancellationToken cancellationToken)
    {
        try
        {
            return await action(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await packets.Stream.DisposeAsync().ConfigureAwait(false);
            throw new BackendUnavailableException(
                UnavailableReason.ConnectionLost,
                $"{options.Host}:{options.Port} broke the connection during the login: {e.Message}",
                e);
        }
        catch
        {
            await packets.Stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<Stream> ConnectAsync(ConnectionOptions options, CancellationToken cancellationToken)
    {
        try
        {
            return options.Dialer is { } dialer
                ? await dialer.ConnectAsync(options.Host, options.Port, cancellationToken).ConfigureAwait(false)
                : await ConnectAsync(options.Host, options.Port, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException e)
        {
            throw new BackendUnavailableException(UnavailableReason.ConnectFailed, $"Cannot connect to {options.Host}:{options.Port}: {e.Message}.", e);
        }
    }

    private static async Task<Stream> ConnectAsync(string host, int port, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            BackendTransport.Configure(socket);
            await socket.ConnectAsync(host, port, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task<OpenedConnection> LogInOnceAsync(Greeted greeted, ConnectionOptions options, CancellationToken cancellationToken)
    {
        var (connection, packets, greeting) = greeted;
        var serverHasTls = (greeting.Capabilities & Capabilities.Ssl) != 0;
        var useTls = options.SslMode != SslMode.Disabled && serverHasTls;
        if (!serverHasTls && options.SslMode > SslMode.Preferred)
        {
            throw new BackendUnavailableException(
                UnavailableReason.TlsFailed,
                $"{options.Host}:{options.Port} offers no TLS and the connection demands it; enable TLS on the server or use ssl-mode=preferred.");
        }

        var capabilities = CapabilityChoice.Choose(options, greeting.Capabilities, useTls);
        if (useTls)
        {
            new SslRequestPayload(capabilities, HandshakeMaxPacketSize, options.LoginCollation).Write(packets.BeginPayload());
            await packets.SendAsync(cancellationToken).ConfigureAwait(false);
            packets.SwitchTo(await TlsUpgrade.UpgradeAsync(packets.Stream, options, cancellationToken).ConfigureAwait(false));
        }

        // A plugin we cannot begin with is answered by the native one: the server then switches to whatever the account has.
        var plugin = AuthExchange.CanStartWith(greeting.AuthPlugin, options, useTls) ? greeting.AuthPlugin : AuthPlugins.NativePassword;
        var text = CharacterSets.OfLogin(options.LoginCollation, greeting.Collation);
        WriteResponse(packets.BeginPayload(), options, text, capabilities, plugin, AuthExchange.FirstProof(plugin, options, useTls, greeting.Nonce));
        await packets.SendAsync(cancellationToken).ConfigureAwait(false);
        var exchange = new AuthExchange(packets, options, text, useTls, plugin, greeting.Nonce);
        var ok = await exchange.CompleteAsync(capabilities, cancellationToken).ConfigureAwait(false);
        var compression = (capabilities & Capabilities.ZstdCompression) != 0 ? CompressionKind.Zstd
            : (capabilities & Capabilities.Compress) != 0 ? CompressionKind.Zlib : CompressionKind.None;
        if (compression != CompressionKind.None)
        {
            packets.SwitchTo(new CompressedStream(packets.Stream, compression, PacketCompressor.DefaultZstdLevel));
        }

        return new OpenedConnection(connection, packets, ServerInfo.Create(greeting), capabilities, exchange.Nonce, exchange.Plugin, ok)
        {
            WasFast = exchange.WasFast,
            IsProtected = useTls,
        };
    }

    private const uint HandshakeMaxPacketSize = 1 << 30;

    private static HandshakePayload ReadGreeting(ReadOnlyMemory<byte> payload)
    {
        // A server that refuses the host or has no connection left says so instead of greeting.
        if (!payload.IsEmpty && payload.Span[0] == ErrorPayload.Header)
        {
            throw ServerErrorException.From(payload.Span);
        }

        var greeting = HandshakePayload.Parse(payload.Span);
        const Capabilities needed = Capabilities.Protocol41 | Capabilities.SecureConnection;
        return (greeting.Capabilities & needed) == needed
            ? greeting
            : throw new MalformedPacketException($"The server {greeting.ServerVersion} offers only the protocol from before MySQL 4.1.");
    }

    private static void WriteResponse(PayloadWriter writer, ConnectionOptions options, Encoding text, Capabilities capabilities, string plugin, byte[] proof) =>
        new HandshakeResponsePayload
        {
            Capabilities = capabilities,
            MaxPacketSize = HandshakeMaxPacketSize,
            Collation = options.LoginCollation,
            User = text.GetBytes(options.User),
            AuthResponse = proof,
            Schema = options.Schema is null ? null : text.GetBytes(options.Schema),
            AuthPlugin = plugin,
            Attributes = [.. options.Attributes],
            ZstdLevel = PacketCompressor.DefaultZstdLevel,
        }.Write(writer);
}
