using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

/// <summary>Reads and creates accounts of one server.</summary>
internal sealed class AccountCatalog(BackendConnection connection)
{
    private static readonly HashSet<string> s_system = new(StringComparer.OrdinalIgnoreCase)
    {
        "mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "PUBLIC", "",
    };

    private bool HasRoles => connection.Server.IsMariaDb || connection.Server.IsAtLeast(ServerVendor.MySql, 8, 0);

    /// <summary>The server can keep an account that nobody is let in as.</summary>
    public bool CanLock => connection.Server.IsAtLeast(ServerVendor.MariaDb, 10, 4) || connection.Server.IsAtLeast(ServerVendor.MySql, 5, 7);

    private bool IsModern => connection.Server.IsMariaDb || connection.Server.IsAtLeast(ServerVendor.MySql, 5, 7);

    /// <summary>Every account.</summary>
    public async Task<HashSet<Account>> ListAsync(CancellationToken cancellationToken) =>
        await ReadAsync("SELECT user, host FROM mysql.user", cancellationToken);

    /// <summary>Those nobody is let in as.</summary>
    public async Task<HashSet<Account>> ListLockedAsync(CancellationToken cancellationToken) => CanLock
        ? await ReadAsync($"SELECT user, host FROM {(connection.Server.IsMariaDb ? "mysql.global_priv" : "mysql.user")} WHERE {Locked}", cancellationToken)
        : [];

    /// <summary>
    /// The accounts an application of the schemas uses: those with rights on it or in it, by themselves or by a role, and those with rights on everything that are connected to it now.
    /// </summary>
    /// <param name="schemas">The schemas.</param>
    /// <param name="exceptUser">Our own user, which is no application.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<HashSet<Account>> ListUsersOfAsync(IReadOnlyList<string> schemas, string exceptUser, CancellationToken cancellationToken)
    {
        var names = string.Join(", ", schemas.Select(SqlText.QuoteString));
        var accounts = await ReadAsync($"SELECT User, Host FROM mysql.db WHERE {string.Join(" OR ", schemas.Select(s => $"{SqlText.QuoteString(s)} LIKE Db"))}", cancellationToken);
        accounts.UnionWith(await ReadAsync($"SELECT User, Host FROM mysql.tables_priv WHERE Db IN ({names})", cancellationToken));
        accounts.UnionWith(await ReadAsync($"SELECT User, Host FROM mysql.columns_priv WHERE Db IN ({names})", cancellationToken));
        accounts.UnionWith(await ReadAsync($"SELECT User, Host FROM mysql.procs_priv WHERE Db IN ({names})", cancellationToken));
        var connected = (await ServerProcess.ListAsync(connection, cancellationToken)).Where(p => schemas.Contains(p.Schema, StringComparer.Ordinal)).Select(p => p.User).ToHashSet(StringComparer.Ordinal);
        var powerful = await ReadAsync("SELECT user, host FROM mysql.user WHERE select_priv='Y'", cancellationToken);
        accounts.UnionWith(powerful.Where(a => connected.Contains(a.User)));
        await AddMembersAsync(accounts, connected, cancellationToken);
        accounts.RemoveWhere(a => s_system.Contains(a.User) || string.Equals(a.User, exceptUser, StringComparison.Ordinal));
        return accounts;
    }

    public async Task<AccountProof?> ReadProofAsync(Account account, CancellationToken cancellationToken)
    {
        // MySQL 5.7 moved the hash out of Password; MariaDB and 5.6 use either column.
        var hash = connection.Server.IsAtLeast(ServerVendor.MySql, 5, 7)
            ? "authentication_string"
            : "IF(authentication_string IS NULL OR authentication_string='', Password, authentication_string)";
        var named = $"user={SqlText.QuoteString(account.User)} AND host={SqlText.QuoteString(account.Host)}";
        var rows = await connection.QueryAsync(
            $"SELECT IF(plugin IS NULL OR plugin='', 'mysql_native_password', plugin), {hash}, ssl_type FROM mysql.user WHERE {named}{(connection.Server.IsMariaDb ? " AND is_role='N'" : "")}", cancellationToken);
        if (rows.RowCount == 0)
        {
            return null;
        }

        var isLocked = CanLock && (await connection.QueryAsync($"SELECT 1 FROM {(connection.Server.IsMariaDb ? "mysql.global_priv" : "mysql.user")} WHERE {named} AND {Locked}", cancellationToken)).RowCount > 0;
        return new AccountProof(rows.GetString(0, 0), rows.IsNull(0, 1) ? [] : rows.GetBytes(0, 1).ToArray(), rows.GetStringOrNull(0, 2) ?? "", isLocked);
    }

    public async Task<HashSet<string>> ListPluginsAsync(CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(
            "SELECT plugin_name FROM information_schema.plugins WHERE plugin_type='AUTHENTICATION' AND plugin_status='ACTIVE'", cancellationToken);
        return rows.Rows.Select(r => r.GetString(0)).ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>What SHOW GRANTS prints of an account and, since what is granted to a role is the account's as well, of each role it may take.</summary>
    public async Task<(IReadOnlyList<string> Grants, IReadOnlyList<string> Roles)> ReadGrantsAsync(Account account, CancellationToken cancellationToken)
    {
        var memberships = await ListMembershipsAsync(cancellationToken);
        List<Account> all = [account];
        var grants = new List<string>();
        for (var i = 0; i < all.Count; i++)
        {
            var name = all[i].Host.Length == 0 ? SqlText.QuoteString(all[i].User) : all[i].Quoted;
            var rows = await connection.QueryAsync($"SHOW GRANTS FOR {name}", cancellationToken);
            grants.AddRange(rows.Rows.Select(r => r.GetString(0)).Where(g => HasObject(g)));
            all.AddRange(memberships.Where(m => m.Member == all[i]).Select(m => m.Role).Except(all).ToList());
        }

        return (grants, [.. all.Skip(1).Select(r => r.User)]);
    }

    /// <summary>A grant of a role names no object, nor does what says which is the default.</summary>
    private static bool HasObject(string grant) => grant.Contains(" ON ", StringComparison.OrdinalIgnoreCase);

    /// <summary>The tables, views and routines of some schemas.</summary>
    public async Task<IReadOnlyList<TableName>> ListObjectsAsync(IReadOnlyList<string> schemas, CancellationToken cancellationToken)
    {
        var names = string.Join(", ", schemas.Select(SqlText.QuoteString));
        var rows = await connection.QueryAsync(
            $"SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ({names}) UNION SELECT routine_schema, routine_name FROM information_schema.routines WHERE routine_schema IN ({names})",
            cancellationToken);
        return [.. rows.Rows.Select(r => new TableName(r.GetString(0), r.GetString(1)))];
    }

    /// <summary>
    /// Creates the account with the hash it has elsewhere. In one statement: an account that waits for its lock, or for what its connections must be, would let in whom it must not.
    /// </summary>
    public Task CreateWithHashAsync(Account account, AccountProof proof, CancellationToken cancellationToken)
    {
        // Without its plugin an account that a socket vouches for, or that has no hash for another reason, would be one without a password.
        var hash = proof.Hash;
        var how = connection.Server.IsMariaDb ? $" IDENTIFIED VIA {proof.Plugin}{(hash.Length == 0 ? "" : $" USING {Text(hash)}")}"
            : IsModern ? $" IDENTIFIED WITH '{proof.Plugin}'{(hash.Length == 0 ? "" : $" AS {(proof.Plugin == "mysql_native_password" ? Text(hash) : $"0x{Convert.ToHexString(hash)}")}")}"
            : hash.Length == 0 ? $" IDENTIFIED WITH '{proof.Plugin}'"
            : $" IDENTIFIED BY PASSWORD {Text(hash)}";
        return CreateAsync(account, how, proof, cancellationToken);
    }

    /// <summary>As the other one, with a password.</summary>
    public Task CreateWithPasswordAsync(Account account, string password, AccountProof proof, CancellationToken cancellationToken) =>
        CreateAsync(account, $" IDENTIFIED BY {SqlText.QuoteString(password)}", proof, cancellationToken);

    /// <summary>Gives an existing account a password.</summary>
    public Task SetPasswordAsync(Account account, string password, CancellationToken cancellationToken)
    {
        var text = SqlText.QuoteString(password);
        return connection.ExecuteAsync(IsModern ? $"ALTER USER {account.Quoted} IDENTIFIED BY {text}" : $"SET PASSWORD FOR {account.Quoted}=PASSWORD({text})", cancellationToken);
    }

    public async Task GrantAsync(string grant, CancellationToken cancellationToken) => await connection.ExecuteAsync(grant, cancellationToken);

    private async Task CreateAsync(Account account, string how, AccountProof proof, CancellationToken cancellationToken)
    {
        var tls = proof.Tls == "ANY";
        await connection.ExecuteAsync($"CREATE USER {account.Quoted}{how}{(tls && IsModern ? " REQUIRE SSL" : "")}{(proof.IsLocked ? " ACCOUNT LOCK" : "")}", cancellationToken);
        if (tls && !IsModern)
        {
            await connection.ExecuteAsync($"GRANT USAGE ON *.* TO {account.Quoted} REQUIRE SSL", cancellationToken);
        }
    }

    private string Locked => connection.Server.IsMariaDb ? "JSON_VALUE(priv, '$.account_locked') IN ('1', 'true')" : "account_locked='Y'";

    /// <summary>
    /// Adds who has the rights of one of these by a role. MariaDB's roles themselves are no accounts, and are taken out; and so is there who only made a role, and is a member
    /// with the admin option by that: nobody else than who may create users makes one.
    /// </summary>
    private async Task AddMembersAsync(HashSet<Account> accounts, HashSet<string> connected, CancellationToken cancellationToken)
    {
        var memberships = await ListMembershipsAsync(cancellationToken);
        if (memberships.Any(m => m.IsAdmin))
        {
            var makers = await ReadAsync("SELECT user, host FROM mysql.user WHERE create_user_priv='Y'", cancellationToken);
            memberships = [.. memberships.Where(m => !m.IsAdmin || connected.Contains(m.Member.User) || !makers.Contains(m.Member))];
        }

        for (var before = -1; before < accounts.Count;)
        {
            before = accounts.Count;
            accounts.UnionWith(memberships.Where(m => accounts.Contains(m.Role)).Select(m => m.Member).ToList());
        }

        if (connection.Server.IsMariaDb)
        {
            accounts.ExceptWith(await ReadAsync("SELECT user, host FROM mysql.user WHERE is_role='Y'", cancellationToken));
        }
    }

    /// <summary>Who has which role; on MariaDB also whether they may hand it out, as who made it may.</summary>
    private async Task<IReadOnlyList<(Account Role, Account Member, bool IsAdmin)>> ListMembershipsAsync(CancellationToken cancellationToken)
    {
        if (!HasRoles)
        {
            return [];
        }

        var rows = await connection.QueryAsync(
            connection.Server.IsMariaDb ? "SELECT role, '', user, host, admin_option='Y' FROM mysql.roles_mapping" : "SELECT from_user, from_host, to_user, to_host, 0 FROM mysql.role_edges", cancellationToken);
        return [.. rows.Rows.Select(r => (new Account(r.GetString(0), r.GetString(1)), new Account(r.GetString(2), r.GetString(3)), r.GetInt64(4) != 0))];
    }

    private static string Text(byte[] hash) => SqlText.QuoteString(System.Text.Encoding.ASCII.GetString(hash));

    private async Task<HashSet<Account>> ReadAsync(string sql, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(sql, cancellationToken);
        return [.. rows.Rows.Select(r => new Account(r.GetString(0), r.GetString(1))).Where(a => !s_system.Contains(a.User))];
    }
}
