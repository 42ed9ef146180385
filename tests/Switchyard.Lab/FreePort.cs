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

    private static int s_next = Random.Shared.Next(Count);

    /// <summary>One nobody listens on, and no other than this process was given.</summary>
    public static int Next()
    {
        for (var tries = 0; tries < Count; tries++)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref s_next) % Count);
            using var listener = new TcpListener(IPAddress.Loopback, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken.
            }
        }

        throw new LabException("no port of loopback is free");
    }
}
