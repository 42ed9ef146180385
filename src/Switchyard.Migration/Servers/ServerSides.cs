using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>Real servers.</summary>
internal sealed class ServerSides : IServerSides
{
    public IServerSide Create(ConnectionOptions backend, string schema) => new ServerSide(backend, schema);

    public async Task<IReadOnlyList<Account>> ListMissingAccountsAsync(ConnectionOptions from, ConnectionOptions to, string schema, CancellationToken cancellationToken)
    {
        await using var fromConnection = await BackendConnection.OpenAsync(from, cancellationToken);
        await using var toConnection = await BackendConnection.OpenAsync(to, cancellationToken);
        var needed = await new AccountCatalog(fromConnection).ListUsersOfAsync(schema, from.User, cancellationToken);
        needed.ExceptWith(await new AccountCatalog(toConnection).ListAsync(cancellationToken));
        return [.. needed.OrderBy(a => a.User, StringComparer.Ordinal).ThenBy(a => a.Host, StringComparer.Ordinal)];
    }
}
