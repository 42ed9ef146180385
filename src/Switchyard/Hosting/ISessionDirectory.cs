using Switchyard.Api;

namespace Switchyard.Hosting;

/// <summary>The client sessions of this process's proxy.</summary>
internal interface ISessionDirectory
{
    string ProxyId { get; }

    int Count { get; }

    IReadOnlyList<SessionInfo> List();

    SessionInfo? Find(long id);

    /// <summary>Ends a session; false when there is none with that id.</summary>
    Task<bool> KillAsync(long id, CancellationToken cancellationToken);
}
