using Switchyard.Migration;

namespace Switchyard.WebConsole.Actions;

/// <summary>Every action there is, in the order of their buttons.</summary>
internal static class ActionCatalog
{
    private static readonly ConsoleAction[] s_all = [.. TrafficActions.All, .. DiffActions.All, .. CopyActions.All, .. EndActions.All];

    public static ConsoleAction? Find(string id) => Array.Find(s_all, action => action.Id == id);

    /// <summary>What the state allows now.</summary>
    public static IEnumerable<ConsoleAction> For(MigrationStatus status) => s_all.Where(action => action.Offered(status));

    /// <summary>Not while anything is under way.</summary>
    internal static bool Idle(MigrationStatus status) => status.Operation is null;

    internal static bool IsAny(this MigrationState state, params ReadOnlySpan<MigrationState> states) => states.Contains(state);

    /// <summary>The side that would become authoritative by a switch or reverse.</summary>
    internal static string Following(MigrationStatus status) => status.Writes == status.Source ? status.Target : status.Source;
}
