using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Switchyard.Proxy.Sockets;

/// <summary>What the kernel says of a descriptor; values of <c>sys/epoll.h</c>.</summary>
[Flags]
internal enum Readiness : uint
{
    Input = 0x001,
    Output = 0x004,
    Error = 0x008,
    HangUp = 0x010,
    PeerClosed = 0x2000,
    EdgeTriggered = 0x8000_0000,
}

/// <summary>The kernel's list of descriptors to watch. Descriptors may be added and removed from any thread; one thread waits.</summary>
internal sealed partial class Epoll : IDisposable
{
    private const int CloseOnExec = 0x80000;
    private const int OperationAdd = 1;
    private const int OperationDelete = 2;
    private const int Interrupted = 4;
    private const int WakeFlags = 0x80000 | 0x800;

    /// <summary><c>struct epoll_event</c> is packed on x86-64 only.</summary>
    private static readonly int s_dataAt = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;
    private static readonly int s_size = s_dataAt + sizeof(ulong);

    private readonly SafeFileHandle _handle;
    private readonly SafeFileHandle _wake;
    private readonly byte[] _events;

    /// <param name="most">Events taken at once.</param>
    public Epoll(int most)
    {
        _events = GC.AllocateArray<byte>(most * s_size, pinned: true);
        _handle = Own(Create(CloseOnExec));
        _wake = Own(CreateWake(0, WakeFlags));
        Add(_wake, Readiness.Input | Readiness.EdgeTriggered, WakeToken);
    }

    /// <summary>The token of an event that <see cref="Wake"/> has caused.</summary>
    public static ulong WakeToken => ulong.MaxValue;

    /// <exception cref="Win32Exception">The kernel has no room for it.</exception>
    public void Add(SafeHandle descriptor, Readiness wanted, ulong token)
    {
        Span<byte> change = stackalloc byte[s_size];
        BinaryPrimitives.WriteUInt32LittleEndian(change, (uint)wanted);
        BinaryPrimitives.WriteUInt64LittleEndian(change[s_dataAt..], token);
        if (Control(_handle, OperationAdd, descriptor, ref MemoryMarshal.GetReference(change)) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    /// <summary>Nothing more is said of it, except what has been taken already.</summary>
    public void Remove(SafeHandle descriptor)
    {
        Span<byte> unused = stackalloc byte[s_size];
        _ = Control(_handle, OperationDelete, descriptor, ref MemoryMarshal.GetReference(unused));
    }

    /// <summary>Waits for events, or only looks; returns how many there are.</summary>
    public int Wait(bool onlyLook)
    {
        while (true)
        {
            var count = Wait(_handle, ref _events[0], _events.Length / s_size, onlyLook ? 0 : -1);
            if (count >= 0)
            {
                return count;
            }

            var error = Marshal.GetLastPInvokeError();
            if (error != Interrupted)
            {
                throw new Win32Exception(error);
            }
        }
    }

    /// <summary>One of the events of the last wait.</summary>
    public (Readiness Readiness, ulong Token) this[int index]
    {
        get
        {
            var one = _events.AsSpan(index * s_size, s_size);
            return ((Readiness)BinaryPrimitives.ReadUInt32LittleEndian(one), BinaryPrimitives.ReadUInt64LittleEndian(one[s_dataAt..]));
        }
    }

    /// <summary>Ends a wait, from any thread.</summary>
    public void Wake()
    {
        ulong one = 1;
        _ = Write(_wake, ref one, sizeof(ulong));
    }

    public void Dispose()
    {
        _handle.Dispose();
        _wake.Dispose();
    }

    private static SafeFileHandle Own(int descriptor) =>
        descriptor >= 0 ? new SafeFileHandle(descriptor, ownsHandle: true) : throw new Win32Exception(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int Create(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int Control(SafeHandle epoll, int operation, SafeHandle descriptor, ref byte change);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int Wait(SafeHandle epoll, ref byte events, int most, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int CreateWake(uint value, int flags);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeHandle descriptor, ref ulong value, nint count);
}
