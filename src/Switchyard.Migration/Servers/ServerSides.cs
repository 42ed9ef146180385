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
        var needed = await new AccountCatalog(fromConnection).ListUsersOfAsync(schemas, from.User, cancellationToken);
        needed.ExceptWith(await new AccountCatalog(toConnection).ListAsync(cancellationToken));
        return [.. needed.OrderBy(a => a.User, StringComparer.Ordinal).ThenBy(a => a.Host, StringComparer.Ordinal)];
    }
}
