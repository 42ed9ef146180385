using Switchyard.Api;

namespace Switchyard.Backends;

/// <summary>Connects to a server and says what it is and whether a migration can use it.</summary>
internal interface IBackendProbe
{
    /// <summary>Never throws for a server's or network's fault: the report says it. A DSN that cannot be read throws <see cref="FormatException"/>.</summary>
    Task<BackendReport> ProbeAsync(string name, string dsn, CancellationToken cancellationToken);
}
