using Switchyard.Migration;

namespace Switchyard.Api;

internal static class SessionErrors
{
    public static MigrationException NotFound(long id) => new(
        "no_such_session", $"There is no session {id}; it may have ended.", "See the live ones with: switchyard session list", 4);
}
