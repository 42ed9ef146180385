using Switchyard.Client;
using Switchyard.Sql;

namespace Switchyard.Proxy.Backends;

/// <summary>What a backend said of itself when it was last asked. Immutable.</summary>
internal sealed record BackendProfile(string Name, string Dsn, ConnectionOptions Options, ServerInfo Server)
{
    /// <summary><c>@@global.sql_mode</c>: what a new session begins with.</summary>
    public string SqlMode { get; init; } = "";

    /// <summary>How statements are read that a session with the server's own settings sends.</summary>
    public ScanOptions ScanOptions => default(ScanOptions).OnServer(Server).WithSqlMode(SqlMode);
}
