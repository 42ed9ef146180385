using System.Globalization;

namespace Switchyard;

/// <summary>How many threads of the runtime watch sockets. Proxied statements are worked on by them (see the proxy's InlineCompletions).</summary>
internal static class SocketThreads
{
    /// <summary>Read once by the runtime when the process uses its first socket; there is no other way to say it.</summary>
    private const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT";

    /// <summary>Relaying is mostly the kernel's work; more threads than this were of no use to anyone.</summary>
    private const int Most = 16;

    public static void Provide()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
        {
            Environment.SetEnvironmentVariable(Variable, Math.Clamp(Environment.ProcessorCount, 1, Most).ToString(CultureInfo.InvariantCulture));
        }
    }
}
