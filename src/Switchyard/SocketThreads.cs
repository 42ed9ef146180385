using System.Globalization;

namespace Switchyard;

/// <summary>How many threads of the runtime watch sockets. Proxied statements are worked on by them (see the proxy's InlineCompletions).</summary>
internal static class SocketThreads
{
    /// <summary>Read once by the runtime when the process uses its first socket; there is no other way to say it.</summary>
    private const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT";

    /// <summary>A bound for very large machines; relaying is mostly the kernel's work.</summary>
    private const int Most = 16;

    /// <summary>A thread that is busy finds the next events without being woken; with one on every core of two a point select took a fifth more.</summary>
    private const int CoresEach = 2;

    public static void Provide()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
        {
            Environment.SetEnvironmentVariable(Variable, Math.Clamp(Environment.ProcessorCount / CoresEach, 1, Most).ToString(CultureInfo.InvariantCulture));
        }
    }
}
