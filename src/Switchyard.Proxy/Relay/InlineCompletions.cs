using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Switchyard.Proxy.Relay;

/// <summary>
/// Lets a socket's reads and writes go on where the event was seen, on the runtime's socket thread, without a hand-over to the thread pool. A
/// relayed statement is two such events with a few microseconds of work each; two hand-overs cost more than all of the rest.
/// </summary>
/// <remarks>
/// The runtime has this as a switch for the whole process (DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS), where copy and verification would
/// hold up everybody's statements, and as a property of each socket, which is not public. Without the property everything works as before, slower.
/// </remarks>
internal static class InlineCompletions
{
    private static bool s_isMissing;

    /// <summary>Whoever asks for it must not block nor compute for long while it is on.</summary>
    public static void Set(Socket socket, bool isInline)
    {
        if (s_isMissing)
        {
            return;
        }

        try
        {
            SetPreferInlineCompletions(socket, isInline);
        }
        catch (MissingMethodException)
        {
            s_isMissing = true;
        }
        catch (ObjectDisposedException)
        {
            // The session is about to notice.
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_PreferInlineCompletions")]
    private static extern void SetPreferInlineCompletions(Socket socket, bool value);
}
