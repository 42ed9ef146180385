using System.Net;
using System.Net.Sockets;

namespace Switchyard.Lab;

/// <summary>
/// Ports of loopback for what is stopped and started again on its port. Below those the kernel takes for outgoing connections, any of which could take
/// the port meanwhile, and below those of <c>lab/server</c>, which has servers that are stopped too.
/// </summary>
public static class FreePort
{
    private const int First = 12_000;
    private const int Count = 8_000;

    private static readonly List<Socket> s_signs = [];
    private static int s_next = Random.Shared.Next(Count);

    /// <summary>One nobody listens on, and no other process of tests is given while this one runs.</summary>
    public static int Next()
    {
        for (var tries = 0; tries < Count; tries++)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref s_next) % Count);
            if (TryReserve(port))
            {
                return port;
            }
        }

        throw new LabException("no port of loopback is free");
    }

    // The same number's port of the other protocol, held until the process ends, is the sign every process sees. A port that only stands unused for the
    // moment, as of a server that is being started again, would look free to another's tests.
    private static bool TryReserve(int port)
    {
        var sign = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            sign.Bind(new IPEndPoint(IPAddress.Loopback, port));
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
        }
        catch (SocketException)
        {
            sign.Dispose();
            return false;
        }

        // A socket nobody refers to would be closed.
        lock (s_signs)
        {
            s_signs.Add(sign);
        }

        return true;
    }
}
