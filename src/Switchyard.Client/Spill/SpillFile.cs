namespace Switchyard.Client;

/// <summary>
/// Takes bytes too many to hold, piece by piece, into a temporary file. It has no name and no reader but this process, and its room on disk is free again when nothing refers to it
/// any more, however the process ends. Written by calls and not through the mapping, because a full disk is an error here and a signal there.
/// </summary>
public sealed class SpillFile : IDisposable
{
    // What is left to the collector may take this much of the disk before it is sent to work.
    private const long UncollectedBytes = 256L * 1024 * 1024;

    private static long s_collectAt = UncollectedBytes;
    private readonly FileStream _file = Create();
    private long _length;

    /// <summary>Where such files are: <c>TMPDIR</c>, else <c>/var/tmp</c> where there is one, as <c>/tmp</c> may itself be in memory.</summary>
    public static string Location =>
        Environment.GetEnvironmentVariable("TMPDIR") is { Length: > 0 } chosen ? chosen : Directory.Exists("/var/tmp") ? "/var/tmp" : Path.GetTempPath();

    public long Length => _length;

    /// <exception cref="SpillException">The disk is full.</exception>
    public async ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        try
        {
            await RandomAccess.WriteAsync(_file.SafeFileHandle, bytes, _length, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw NotTaken(e);
        }

        _length += bytes.Length;
    }

    /// <inheritdoc cref="AppendAsync"/>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        try
        {
            RandomAccess.Write(_file.SafeFileHandle, bytes, _length);
        }
        catch (IOException e)
        {
            throw NotTaken(e);
        }

        _length += bytes.Length;
    }

    /// <summary>What was written, as memory that lasts as long as something refers to it.</summary>
    public SpilledBytes Complete()
    {
        if (SpilledBytes.TotalBytes > Interlocked.Read(ref s_collectAt))
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Interlocked.Exchange(ref s_collectAt, SpilledBytes.TotalBytes + UncollectedBytes);
        }

        return new SpilledBytes(FileMapping.Create(_file.SafeFileHandle, checked((int)_length)), (int)_length);
    }

    public void Dispose() => _file.Dispose();

    private static FileStream Create()
    {
        var path = Path.Combine(Location, $"switchyard-{Guid.NewGuid():N}");
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, BufferSize = 0 };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            var file = new FileStream(path, options);
            File.Delete(path);
            return file;
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw NotTaken(e);
        }
    }

    private static SpillException NotTaken(Exception e) =>
        new($"Rows and changes of 16 MB and more are kept in temporary files in {Location}, and one could not be written: {e.Message} Make room there, or set TMPDIR to a directory with more.", e);
}
