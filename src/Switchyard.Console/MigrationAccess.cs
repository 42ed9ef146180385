using Switchyard.Migration;

namespace Switchyard.WebConsole;

/// <summary>How the console comes by the migrations. Asked for anew each time: while the process starts there are none yet.</summary>
internal sealed class MigrationAccess(IServiceProvider services, Func<IServiceProvider, IMigrationService> find)
{
    /// <exception cref="MigrationException">They are not there yet.</exception>
    public IMigrationService Current => find(services);
}
