using Switchyard.Client;
using Switchyard.Replication.Schema;

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
        return Ordered(needed);
    }

    public async Task<IReadOnlyList<(Account Account, IReadOnlyList<string> Lacking)>> ListLesserAccountsAsync(
        ConnectionOptions from, ConnectionOptions to, IReadOnlyList<string> schemas, CancellationToken cancellationToken)
    {
        await using var fromConnection = await BackendConnection.OpenAsync(from, cancellationToken);
        await using var toConnection = await BackendConnection.OpenAsync(to, cancellationToken);

        // The mode decides how names are quoted in what SHOW GRANTS prints.
        await fromConnection.ExecuteAsync("SET SESSION sql_mode=''", cancellationToken);
        await toConnection.ExecuteAsync("SET SESSION sql_mode=''", cancellationToken);
        var (here, there) = (new AccountCatalog(fromConnection), new AccountCatalog(toConnection));
        var both = await here.ListUsersOfAsync(schemas, from.User, cancellationToken);
        both.ExceptWith(await here.ListLockedAsync(cancellationToken));
        both.IntersectWith(await there.ListAsync(cancellationToken));
        var objects = (await there.ListObjectsAsync(schemas, cancellationToken)).ToHashSet(new TableNameComparer(ignoreCase: true));
        var lesser = new List<(Account Account, IReadOnlyList<string> Lacking)>();
        foreach (var account in Ordered(both))
        {
            var wanted = (await here.ReadGrantsAsync(account, cancellationToken)).Grants;
            var given = (await there.ReadGrantsAsync(account, cancellationToken)).Grants;
            if (GrantTranslation.Lacking(wanted, given, schemas, objects) is { Count: > 0 } lacking)
            {
                lesser.Add((account, lacking));
            }
        }

        return lesser;
    }

    private static IReadOnlyList<Account> Ordered(IEnumerable<Account> accounts) => [.. accounts.OrderBy(a => a.User, StringComparer.Ordinal).ThenBy(a => a.Host, StringComparer.Ordinal)];
}
