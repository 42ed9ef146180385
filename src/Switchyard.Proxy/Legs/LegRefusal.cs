using Switchyard.Client;

namespace Switchyard.Proxy.Legs;

/// <summary>Tells a backend that does not let an account in from one that is merely away or busy.</summary>
internal static class LegRefusal
{
    /// <summary>Access denied, also to a schema and without a password; password expired; account locked, by hand or for wrong passwords, in MySQL's and MariaDB's numbers.</summary>
    private static readonly HashSet<int> s_codes = [1044, 1045, 1698, 1820, 1862, 3118, 3955, 4150, 4151];

    /// <summary>Whether the same login would fail again, whenever it is tried.</summary>
    public static bool IsFinal(Exception exception) => exception switch
    {
        ServerErrorException refused => s_codes.Contains(refused.Code),
        BackendUnavailableException unavailable => unavailable.Reason == UnavailableReason.LoginImpossible,
        _ => false,
    };
}
