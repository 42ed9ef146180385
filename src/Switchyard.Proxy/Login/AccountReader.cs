using System.Text;
using System.Text.Json;
using Switchyard.Client;
using Switchyard.Wire;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Login;

/// <summary>Reads the accounts a user name can mean from a server's own tables, whichever form the version keeps them in.</summary>
internal static class AccountReader
{
    private const int NoSuchTable = 1146;

    /// <summary>The accounts of this name and the anonymous ones, in no order.</summary>
    /// <exception cref="ServerErrorException">The admin account may not read the <c>mysql</c> schema.</exception>
    public static async Task<IReadOnlyList<Account>> ReadAsync(BackendConnection connection, string user, CancellationToken cancellationToken)
    {
        var where = $"WHERE User IN (x'{Convert.ToHexString(Encoding.UTF8.GetBytes(user))}', '')";
        if (connection.Server.IsAtLeast(ServerVendor.MariaDb, 10, 4))
        {
            try
            {
                var rows = await connection.QueryAsync($"SELECT User, Host, Priv FROM mysql.global_priv {where}", cancellationToken).ConfigureAwait(false);
                return [.. rows.Rows.Select(FromGlobalPriv).OfType<Account>()];
            }
            catch (ServerErrorException error) when (error.Code == NoSuchTable)
            {
                // Updated from an older version, and its tables are still of that: it reads both forms.
            }
        }

        // Before 5.7 the hash of a native password has a column of its own.
        var hash = connection.Server.IsAtLeast(ServerVendor.MySql, 5, 7)
            ? "authentication_string"
            : "IF(plugin IN ('', 'mysql_native_password', 'mysql_old_password'), Password, authentication_string)";

        // RETAIN CURRENT PASSWORD keeps the one before beside it.
        var retained = connection.Server.IsAtLeast(ServerVendor.MySql, 8, 0, 14) ? "JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.additional_password'))" : "NULL";
        var result = await connection.QueryAsync(
            $"SELECT User, Host, plugin, {hash} AS hash, ssl_type, {retained} AS retained FROM mysql.user {where}", cancellationToken).ConfigureAwait(false);
        return [.. result.Rows.Select(FromUserTable)];
    }

    private static Account FromUserTable(QueryRow row)
    {
        var plugin = row.GetStringOrNull("plugin") is { Length: > 0 } named ? named : AuthPlugins.NativePassword;
        var tls = row.GetStringOrNull("ssl_type") switch
        {
            null or "" => AccountTls.None,
            "ANY" => AccountTls.Any,
            _ => AccountTls.Certificate,
        };
        AccountAuthentication current = new(plugin, row.GetStringOrNull("hash") ?? "");
        return new Account(
            row.GetString("User"), row.GetString("Host"), row.GetStringOrNull("retained") is { Length: > 0 } retained ? [current, new(plugin, retained)] : [current], tls);
    }

    /// <summary>Null for a role, which nobody can log in as.</summary>
    private static Account? FromGlobalPriv(QueryRow row)
    {
        try
        {
            using var document = JsonDocument.Parse(row.GetStringOrNull("Priv") ?? "{}");
            var priv = document.RootElement;
            if (priv.TryGetProperty("is_role", out var isRole) && isRole.ValueKind == JsonValueKind.True)
            {
                return null;
            }

            var tls = priv.TryGetProperty("ssl_type", out var type) && type.TryGetInt32(out var number) ? number : 0;
            return new Account(
                row.GetString("User"),
                row.GetString("Host"),
                ReadAuthentications(priv),
                tls switch { <= 0 => AccountTls.None, 1 => AccountTls.Any, _ => AccountTls.Certificate });
        }
        catch (JsonException e)
        {
            throw new MalformedPacketException($"The account '{row.GetString("User")}'@'{row.GetString("Host")}' in mysql.global_priv is not JSON: {e.Message}");
        }
    }

    /// <summary>An account with alternatives lists them under <c>auth_or</c>; the empty one among them stands for the fields outside.</summary>
    private static List<AccountAuthentication> ReadAuthentications(JsonElement priv)
    {
        if (!priv.TryGetProperty("auth_or", out var alternatives) || alternatives.ValueKind != JsonValueKind.Array)
        {
            return [ReadAuthentication(priv)];
        }

        return [.. alternatives.EnumerateArray().Select(one => one.TryGetProperty("plugin", out _) ? ReadAuthentication(one) : ReadAuthentication(priv))];
    }

    private static AccountAuthentication ReadAuthentication(JsonElement element) => new(
        element.TryGetProperty("plugin", out var plugin) && plugin.GetString() is { Length: > 0 } name ? name : AuthPlugins.NativePassword,
        element.TryGetProperty("authentication_string", out var stored) ? stored.GetString() ?? "" : "");
}
