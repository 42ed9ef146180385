using Switchyard.WebConsole;

namespace Switchyard.Hosting;

/// <summary>Shows the console the sessions of this process's proxy.</summary>
internal sealed class ConsoleSessions(ISessionDirectory sessions) : IConsoleSessions
{
    public string ProxyId => sessions.ProxyId;

    public IReadOnlyList<ConsoleSession> List() => [.. sessions.List().Select(session => new ConsoleSession
    {
        Id = session.Id,
        User = session.User,
        Client = session.Client,
        Schema = session.Schema,
        State = session.State,
        InTransaction = session.InTransaction,
        Backends = session.Backends,
        Pins = session.Pins,
        Statement = session.Statement,
        AgeMs = session.AgeMs,
    })];

    public Task<bool> KillAsync(long id, CancellationToken cancellationToken) => sessions.KillAsync(id, cancellationToken);
}
