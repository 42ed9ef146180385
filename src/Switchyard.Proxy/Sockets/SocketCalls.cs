using System.Runtime.InteropServices;

namespace Switchyard.Proxy.Sockets;

/// <summary>The calls on a socket that never wait. Its handle keeps a descriptor from being closed, and its number from being used again, during a call.</summary>
internal static partial class SocketCalls
{
    private const int DontWait = 0x40;
    private const int NoSignal = 0x4000;
    private const int SendingSide = 1;
    private const int BothSides = 2;
    private const int Interrupted = 4;
    private const int WouldBlock = 11;

    /// <summary>Reads what there is, 0 at the end; -1 when there is nothing yet.</summary>
    /// <exception cref="IOException">The connection has failed.</exception>
    public static int Receive(SafeHandle socket, Span<byte> buffer)
    {
        while (true)
        {
            var count = Receive(socket, ref MemoryMarshal.GetReference(buffer), buffer.Length, DontWait);
            if (count >= 0 || !MayRetry("read from"))
            {
                return (int)count;
            }
        }
    }

    /// <summary>Writes what there is room for; -1 when there is none.</summary>
    /// <exception cref="IOException">The connection has failed.</exception>
    public static int Send(SafeHandle socket, ReadOnlySpan<byte> buffer)
    {
        while (true)
        {
            var count = Send(socket, ref MemoryMarshal.GetReference(buffer), buffer.Length, DontWait | NoSignal);
            if (count >= 0 || !MayRetry("written to"))
            {
                return (int)count;
            }
        }
    }

    /// <summary>Ends both sides; of no effect on a connection that has ended.</summary>
    public static void ShutDown(SafeHandle socket) => _ = ShutDown(socket, BothSides);

    /// <summary>Ends the sending side, as a peer that has nothing more to say does; of no effect on a connection that has ended.</summary>
    public static void EndSending(SafeHandle socket) => _ = ShutDown(socket, SendingSide);

    /// <summary>False when the call has to wait, true when it was only interrupted.</summary>
    private static bool MayRetry(string done)
    {
        var error = Marshal.GetLastPInvokeError();
        return error switch
        {
            Interrupted => true,
            WouldBlock => false,
            _ => throw new IOException($"The connection cannot be {done}: {Marshal.GetPInvokeErrorMessage(error)}."),
        };
    }

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint Receive(SafeHandle socket, ref byte buffer, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint Send(SafeHandle socket, ref byte buffer, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "shutdown", SetLastError = true)]
    private static partial int ShutDown(SafeHandle socket, int how);
}
