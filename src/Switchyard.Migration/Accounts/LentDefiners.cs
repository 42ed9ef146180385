using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

/// <summary>
/// Views and routines that the schema's copy made on the target before the account was there that they run as: they run as Switchyard's own account since, which may do more than theirs and is
/// to go one day. Once their account is there they are made again, as they are on the source.
/// </summary>
internal sealed class LentDefiners(BackendConnection source, BackendConnection target)
{
    /// <summary>
    /// Makes the routines that the source has and the target has not: where a routine cannot be replaced by one statement, an earlier run may have ended between dropping and making it, and
    /// no grant on it can be given before it is there. By account, what runs as it; what the target refuses stays away, of which the switch tells.
    /// </summary>
    /// <param name="schema">A schema that moves as a whole, and that is on the target.</param>
    /// <param name="accounts">The target's.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ILookup<Account, string>> MakeMissingAsync(string schema, IReadOnlySet<Account> accounts, CancellationToken cancellationToken)
    {
        var there = await ListRoutinesAsync(target, schema, cancellationToken);
        var made = new List<(Account Account, string What)>();
        if (!(await ListRoutinesAsync(source, schema, cancellationToken)).IsSubsetOf(there))
        {
            var creator = await ObjectCreator.OpenAsync(target, cancellationToken);
            foreach (var item in (await SchemaObjectReader.ReadRoutinesAsync(source, schema, cancellationToken)).Where(o => o.Kind is SchemaObjectKind.Procedure or SchemaObjectKind.Function && CanMake(o) && !there.Contains((Kind(o), o.Name.ToUpperInvariant()))))
            {
                try
                {
                    await creator.CreateAsync(item, cancellationToken);
                    made.Add((Account.Parse(item.Definer), What(item)));
                }
                catch (ServerErrorException) when (target.IsUsable)
                {
                }
            }
        }

        return made.Where(m => accounts.Contains(m.Account)).ToLookup(m => m.Account, m => m.What);
    }

    /// <summary>Gives back what belongs to accounts the target has now; by account, what runs as it from here on.</summary>
    /// <param name="schema">A schema that moves as a whole.</param>
    /// <param name="accounts">The target's.</param>
    /// <param name="granted">Accounts whose grants are made again behind this: a routine's are gone with it. What others were granted on a routine keeps it from being made again.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<ILookup<Account, string>> ReturnAsync(
        string schema, IReadOnlySet<Account> accounts, IReadOnlyCollection<Account> granted, CancellationToken cancellationToken)
    {
        var own = (await target.QueryAsync("SELECT CURRENT_USER()", cancellationToken)).GetString(0, 0);
        var lent = await ListLentAsync(schema, own, granted, cancellationToken);
        if (lent.Count == 0)
        {
            return Array.Empty<string>().ToLookup(_ => new Account("", ""));
        }

        SchemaObject[] objects =
        [
            .. await SchemaObjectReader.ReadRoutinesAsync(source, schema, cancellationToken),
            .. await SchemaObjectReader.ReadViewsAsync(source, schema, cancellationToken),
        ];
        var creator = await ObjectCreator.OpenAsync(target, cancellationToken);
        var returned = new List<(Account Account, string What)>();
        foreach (var item in objects.Where(o => CanMake(o) && lent.Contains((Kind(o), o.Name)) && o.Definer != own && accounts.Contains(Account.Parse(o.Definer))))
        {
            try
            {
                await creator.CreateAsync(item, cancellationToken);
                returned.Add((Account.Parse(item.Definer), What(item)));
            }
            catch (ServerErrorException) when (target.IsUsable)
            {
                // An account that may not name another one, say. It stays as it was, of which the switch tells; a routine had to go first.
                if (item.Kind != SchemaObjectKind.View)
                {
                    await creator.CreateAsync(item with { CreateStatement = Definer.Without(item.CreateStatement), Definer = "" }, cancellationToken);
                }
            }
        }

        return returned.ToLookup(r => r.Account, r => r.What);
    }

    private async Task<HashSet<(string Kind, string Name)>> ListLentAsync(string schema, string own, IReadOnlyCollection<Account> granted, CancellationToken cancellationToken)
    {
        var (name, self) = (SqlText.QuoteString(schema), SqlText.QuoteString(own));
        var known = string.Join(", ", granted.Select(a => SqlText.QuoteString($"{a.User}@{a.Host}")).Append(self));
        var rows = await target.QueryAsync(
            $"SELECT 'VIEW', table_name FROM information_schema.views WHERE table_schema={name} AND definer={self} UNION ALL " +
            $"SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema={name} AND definer={self} AND routine_type IN ('PROCEDURE', 'FUNCTION')", cancellationToken);
        var others = await target.QueryAsync($"SELECT routine_type, routine_name FROM mysql.procs_priv WHERE db={name} AND CONCAT(user, '@', host) NOT IN ({known})", cancellationToken);
        var lent = rows.Rows.Select(r => (r.GetString(0), r.GetString(1))).ToHashSet();
        lent.ExceptWith(others.Rows.Select(r => (r.GetString(0), r.GetString(1))));
        return lent;
    }

    private static async Task<HashSet<(string Kind, string Name)>> ListRoutinesAsync(BackendConnection server, string schema, CancellationToken cancellationToken)
    {
        var rows = await server.QueryAsync(
            $"SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema={SqlText.QuoteString(schema)} AND routine_type IN ('PROCEDURE', 'FUNCTION')", cancellationToken);
        return rows.Rows.Select(r => (r.GetString(0), r.GetString(1).ToUpperInvariant())).ToHashSet();
    }

    private static bool CanMake(SchemaObject item) => item.CreateStatement.Length > 0;

    private static string What(SchemaObject item) => $"the {Kind(item).ToLowerInvariant()} {item.Schema}.{item.Name}";

    private static string Kind(SchemaObject item) => item.Kind.ToString().ToUpperInvariant();
}
