using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Switchyard.Client;

/// <summary>A file's bytes as read-only memory of the process. Of a file without a name, the mapping is all that keeps it.</summary>
internal sealed partial class FileMapping : SafeHandleZeroOrMinusOneIsInvalid
{
    // The values of Linux: sys/mman.h.
    private const int ReadOnly = 1;
    private const int Shared = 1;
    private const int DontNeed = 4;

    // With a page that is touched the kernel maps those around it, also before it. More than any system's fault_around_bytes and folio.
    private const int AroundBytes = 4 * 1024 * 1024;

    private static long s_totalBytes;
    private readonly nint _length;

    private FileMapping(nint address, int length)
        : base(ownsHandle: true)
    {
        _length = length;
        SetHandle(address);
        Interlocked.Add(ref s_totalBytes, length);
    }

    /// <summary>Bytes of all mappings there are.</summary>
    public static long TotalBytes => Interlocked.Read(ref s_totalBytes);

    /// <exception cref="IOException">The process may not map more.</exception>
    public static FileMapping Create(SafeFileHandle file, int length)
    {
        var address = Map(0, length, ReadOnly, Shared, file, 0);
        return address == -1
            ? throw new IOException($"A temporary file of {length} bytes cannot be mapped: {Marshal.GetLastPInvokeErrorMessage()}.")
            : new FileMapping(address, length);
    }

    public unsafe Span<byte> Span => new((void*)handle, (int)_length);

    /// <summary>
    /// Takes a part, and what lies close before it, out of the process's resident memory. It is in the file and comes back when it is read again.
    /// </summary>
    public void Release(int start, int length)
    {
        var from = Math.Max(0, start - AroundBytes) & ~(Environment.SystemPageSize - 1);
        _ = Advise(handle + from, start + length - from, DontNeed);
    }

    protected override bool ReleaseHandle()
    {
        Interlocked.Add(ref s_totalBytes, -_length);
        return Unmap(handle, _length) == 0;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nint length, int protection, int flags, SafeFileHandle file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nint length);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int Advise(nint address, nint length, int advice);
}
