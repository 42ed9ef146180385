using System.Net;
using System.Net.Sockets;

namespace Switchyard.Client.Protocol;

/// <summary>A connection that a server's machine has taken and the server has not greeted on.</summary>
/// <param name="connection">The connection.</param>
/// <param name="greeting">Ends with the greeting, or when the connection breaks or is closed.</param>
internal sealed class UngreetedConnection(NetworkStream connection, Task<Greeted> greeting)
{
    public NetworkStream Connection { get; } = connection;

    /// <summary>Of the machine that has taken it.</summary>
    public IPAddress? Address { get; } = Plain(connection.Socket.Connected ? (connection.Socket.RemoteEndPoint as IPEndPoint)?.Address : null);

    public Task<Greeted> Greeting { get; } = greeting;

    /// <summary>When it was made.</summary>
    public long Since { get; } = TimeProvider.System.GetTimestamp();

    /// <summary>Somebody has been told to close it when the greeting comes and nobody waits.</summary>
    public bool IsWatched { get; set; }

    /// <summary>An IPv4 address is the same however the socket carries it.</summary>
    public static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
}

/// <summary>
/// Connections to servers that stand still. Whoever gives up waiting for a greeting leaves the connection here, and whoever comes next waits on it. A server that was frozen for hours would
/// otherwise find an abandoned login for every attempt when it goes on, and servers count those against the host (<c>max_connect_errors</c>) until they refuse it.
/// </summary>
/// <remarks>
/// Something between may have taken the connection for a server it has given up meanwhile. So one that has waited for as long as the address had been silent before is replaced: what a
/// silence leaves behind grows with its logarithm.
/// </remarks>
internal static class UngreetedConnections
{
    private const int MaxOfAddress = 64;
    private static readonly TimeSpan s_shortestWait = TimeSpan.FromSeconds(30);
    private static readonly Lock s_lock = new();
    private static readonly Dictionary<(string Host, int Port), Silence> s_silences = [];

    /// <summary>Takes one that still waits, of an address the host's name stands for now.</summary>
    public static async Task<UngreetedConnection?> TakeAsync(string host, int port, CancellationToken cancellationToken)
    {
        lock (s_lock)
        {
            if (!s_silences.ContainsKey((host, port)))
            {
                return null;
            }
        }

        HashSet<IPAddress?> addresses;
        try
        {
            addresses = [.. (await Dns.GetHostAddressesAsync(host, cancellationToken).ConfigureAwait(false)).Select(UngreetedConnection.Plain)];
        }
        catch (SocketException)
        {
            // Whoever connects meets it and says so.
            return null;
        }

        var left = new List<UngreetedConnection>();
        UngreetedConnection? taken = null;
        lock (s_lock)
        {
            if (s_silences.GetValueOrDefault((host, port)) is { } silence)
            {
                foreach (var one in silence.Waiting.ToArray())
                {
                    if (silence.IsTooOld(one) || !addresses.Contains(one.Address))
                    {
                        silence.Waiting.Remove(one);
                        left.Add(one);
                    }
                }

                if (silence.Waiting.Count > 0)
                {
                    taken = silence.Waiting[0];
                    silence.Waiting.RemoveAt(0);
                }
            }
        }

        left.ForEach(Close);
        return taken;
    }

    /// <summary>Leaves one on which nobody waits any longer.</summary>
    public static void Leave(string host, int port, UngreetedConnection connection)
    {
        var isKept = false;
        var isNew = false;
        lock (s_lock)
        {
            if (!connection.Greeting.IsCompleted)
            {
                if (!s_silences.TryGetValue((host, port), out var silence))
                {
                    s_silences[(host, port)] = silence = new Silence(connection.Since, []);
                }

                isKept = silence.Waiting.Count < MaxOfAddress;
                if (isKept)
                {
                    silence.Waiting.Add(connection);
                    (isNew, connection.IsWatched) = (!connection.IsWatched, true);
                }
            }
        }

        if (!isKept)
        {
            Close(connection);
        }
        else if (isNew)
        {
            _ = WatchAsync(host, port, connection);
        }
    }

    /// <summary>The address has answered: a silence there begins anew.</summary>
    public static void Answered(string host, int port)
    {
        lock (s_lock)
        {
            // Those that are left are answered too, or break.
            if (s_silences.Remove((host, port), out var silence) && silence.Waiting.Count > 0)
            {
                s_silences[(host, port)] = new Silence(TimeProvider.System.GetTimestamp(), silence.Waiting);
            }
        }
    }

    /// <summary>Whether one is to be replaced.</summary>
    /// <param name="waited">How long it has waited.</param>
    /// <param name="before">How long the address had been silent when it was made.</param>
    internal static bool IsTooOld(TimeSpan waited, TimeSpan before) => waited > (before > s_shortestWait ? before : s_shortestWait);

    private static async Task WatchAsync(string host, int port, UngreetedConnection connection)
    {
        await ((Task)connection.Greeting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        bool wasLeft;
        lock (s_lock)
        {
            wasLeft = s_silences.GetValueOrDefault((host, port))?.Waiting.Remove(connection) == true;
        }

        if (connection.Greeting.IsCompletedSuccessfully)
        {
            Answered(host, port);
        }

        if (wasLeft)
        {
            Close(connection);
        }
    }

    private static void Close(UngreetedConnection connection)
    {
        connection.Connection.Dispose();
        _ = connection.Greeting.ContinueWith(
            static greeting =>
            {
                if (greeting.IsCompletedSuccessfully)
                {
                    greeting.Result.Packets.Dispose();
                }

                // Of a closed connection nobody wants to know how it failed.
                _ = greeting.Exception;
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    /// <param name="since">When the first connection was made that has not been greeted on.</param>
    /// <param name="waiting">Those on which nobody waits just now.</param>
    private sealed class Silence(long since, List<UngreetedConnection> waiting)
    {
        public List<UngreetedConnection> Waiting { get; } = waiting;

        public bool IsTooOld(UngreetedConnection one) =>
            UngreetedConnections.IsTooOld(TimeProvider.System.GetElapsedTime(one.Since), TimeProvider.System.GetElapsedTime(since, one.Since));
    }
}
