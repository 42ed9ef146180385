using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>Real servers.</summary>
internal sealed class ServerSides : IServerSides
{
    public IServerSide Create(ConnectionOptions backend, IReadOnlyList<string> schemas) => new ServerSide(backend, schemas);

    public async Task<IReadOnlyList<Account>> ListMissingAccountsAsync(ConnectionOptions from, ConnectionOptions to, IReadOnlyList<string> schemas, CancellationToken cancellationToken)
    {
        await using var fromConnection = await BackendConnection.OpenAsync(from, cancellationToken);
        await using var toConnection = await BackendConnection.OpenAsync(to, cancellationToken);
        var catalog = new AccountCatalog(fromConnection);
        var needed = await catalog.ListUsersOfAsync(schemas, from.User, cancellationToken);
        needed.ExceptWith(await catalog.ListLockedAsync(cancellationToken));
        needed.ExceptWith(await new AccountCatalog(toConnection).ListAsync(cancellationToken));
        return [.. needed.OrderBy(a => a.User, StringComparer.Ordinal).ThenBy(a => a.Host, StringComparer.Ordinal)];
    }
}
