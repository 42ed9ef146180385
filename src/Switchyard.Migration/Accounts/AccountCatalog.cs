using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>Reads and creates accounts of one server.</summary>
internal sealed class AccountCatalog(BackendConnection connection)
{
    private static readonly HashSet<string> s_system = new(StringComparer.OrdinalIgnoreCase)
    {
        "mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "PUBLIC", "",
    };

    /// <summary>Every account that could log in.</summary>
    public async Task<HashSet<Account>> ListAsync(CancellationToken cancellationToken) =>
        await ReadAsync("SELECT user, host FROM mysql.user", cancellationToken);

    /// <summary>
    /// The accounts an application of the schemas uses: those with rights on it or in it, and those with rights on everything that are connected to it now.
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
        accounts.RemoveWhere(a => s_system.Contains(a.User) || string.Equals(a.User, exceptUser, StringComparison.Ordinal));
        return accounts;
    }

    public async Task<AccountProof?> ReadProofAsync(Account account, CancellationToken cancellationToken)
    {
        // MySQL 5.7 moved the hash out of Password; MariaDB and 5.6 use either column.
        var hash = connection.Server.IsAtLeast(ServerVendor.MySql, 5, 7)
            ? "authentication_string"
            : "IF(authentication_string IS NULL OR authentication_string='', Password, authentication_string)";
        var rows = await connection.QueryAsync(
            $"SELECT IF(plugin IS NULL OR plugin='', 'mysql_native_password', plugin), {hash}, ssl_type FROM mysql.user " +
            $"WHERE user={SqlText.QuoteString(account.User)} AND host={SqlText.QuoteString(account.Host)}", cancellationToken);
        return rows.RowCount == 0
            ? null
            : new AccountProof(rows.GetString(0, 0), rows.IsNull(0, 1) ? [] : rows.GetBytes(0, 1).ToArray(), rows.GetStringOrNull(0, 2) ?? "");
    }

    public async Task<HashSet<string>> ListPluginsAsync(CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(
            "SELECT plugin_name FROM information_schema.plugins WHERE plugin_type='AUTHENTICATION' AND plugin_status='ACTIVE'", cancellationToken);
        return rows.Rows.Select(r => r.GetString(0)).ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    public async Task<IReadOnlyList<string>> ReadGrantsAsync(Account account, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync($"SHOW GRANTS FOR {account.Quoted}", cancellationToken);
        return [.. rows.Rows.Select(r => r.GetString(0))];
    }

    public Task CreateWithHashAsync(Account account, AccountProof proof, CancellationToken cancellationToken)
    {
        var hash = proof.Hash;
        var how = hash.Length == 0 ? ""
            : connection.Server.IsMariaDb ? $" IDENTIFIED VIA {proof.Plugin} USING {Text(hash)}"
            : connection.Server.IsAtLeast(ServerVendor.MySql, 5, 7) ? $" IDENTIFIED WITH '{proof.Plugin}' AS {(proof.Plugin == "mysql_native_password" ? Text(hash) : $"0x{Convert.ToHexString(hash)}")}"
            : $" IDENTIFIED BY PASSWORD {Text(hash)}";
        return connection.ExecuteAsync($"CREATE USER {account.Quoted}{how}", cancellationToken);
    }

    /// <summary>Creates the account with a password, or gives an existing one this password.</summary>
    public async Task SetPasswordAsync(Account account, string password, bool exists, CancellationToken cancellationToken)
    {
        var text = SqlText.QuoteString(password);
        var sql = !exists ? $"CREATE USER {account.Quoted} IDENTIFIED BY {text}"
            : connection.Server.IsMariaDb || connection.Server.IsAtLeast(ServerVendor.MySql, 5, 7) ? $"ALTER USER {account.Quoted} IDENTIFIED BY {text}"
            : $"SET PASSWORD FOR {account.Quoted}=PASSWORD({text})";
        await connection.ExecuteAsync(sql, cancellationToken);
    }

    public async Task RequireTlsAsync(Account account, CancellationToken cancellationToken)
    {
        var modern = connection.Server.IsMariaDb || connection.Server.IsAtLeast(ServerVendor.MySql, 5, 7);
        await connection.ExecuteAsync(modern ? $"ALTER USER {account.Quoted} REQUIRE SSL" : $"GRANT USAGE ON *.* TO {account.Quoted} REQUIRE SSL", cancellationToken);
    }

    public async Task GrantAsync(string grant, CancellationToken cancellationToken) => await connection.ExecuteAsync(grant, cancellationToken);

    private static string Text(byte[] hash) => SqlText.QuoteString(System.Text.Encoding.ASCII.GetString(hash));

    private async Task<HashSet<Account>> ReadAsync(string sql, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(sql, cancellationToken);
        return [.. rows.Rows.Select(r => new Account(r.GetString(0), r.GetString(1))).Where(a => !s_system.Contains(a.User))];
    }
}
