using System.Globalization;
using Switchyard.Api;
using Switchyard.Client;
using Switchyard.Migration;
using Switchyard.Wire;

namespace Switchyard.Backends;

/// <summary>Connects, reads what matters for a migration, and says what is missing as sentences.</summary>
internal sealed class BackendProbe : IBackendProbe
{
    private const string Variables =
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'binlog_row_image', 'gtid_mode', 'server_id', 'read_only', 'lower_case_table_names')";

    public async Task<BackendReport> ProbeAsync(string name, string dsn, CancellationToken cancellationToken)
    {
        var options = ConnectionOptions.Parse(dsn);
        var bounded = options with { CommandTimeout = options.CommandTimeout ?? options.ConnectTimeout };
        var isIn = false;
        try
        {
            await using var connection = await BackendConnection.OpenAsync(bounded, cancellationToken);
            isIn = true;
            return await ReadAsync(name, options, connection, cancellationToken);
        }
        catch (BackendUnavailableException error) when (isIn && error.Reason == UnavailableReason.TimedOut)
        {
            return Unreachable(
                name,
                options,
                "backend_silent",
                $"The server of {name} at {options.Redacted} let the account in, and then did not say what it is within {bounded.CommandTimeout.Value.TotalSeconds:0.#} s.",
                "Look at the server, its load, its disk and the network to it, then try again.");
        }
        catch (MalformedPacketException error)
        {
            return Unreachable(
                name, options, "backend_unreachable", $"What answers for {name} at {options.Redacted} is no MySQL or MariaDB server: {error.Message}", Remedy(UnavailableReason.ConnectFailed));
        }
        catch (BackendUnavailableException error)
        {
            return Unreachable(name, options, "backend_unreachable", $"The server of {name} cannot be reached at {options.Redacted}: {error.Message}", Remedy(error.Reason));
        }
        catch (ServerErrorException error)
        {
            return Unreachable(
                name,
                options,
                error.Code is 1044 or 1045 or 1698 ? "backend_login_refused" : "backend_refused",
                $"The server of {name} at {options.Redacted} refused: {error.ServerMessage} (error {error.Code}).",
                "Check user, password and the schema in the DSN, and that the account may connect from this host.");
        }
    }

    private static string Remedy(UnavailableReason reason) => reason switch
    {
        UnavailableReason.ConnectFailed => "Check host and port, that the server runs, and that no firewall is between.",
        UnavailableReason.TlsFailed => "Check ssl-mode and ssl-ca in the DSN; ssl-mode=preferred encrypts without verifying.",
        UnavailableReason.LoginImpossible => "Give the password in the DSN, or an account with another authentication plugin.",
        _ => "Look at the server's error log, then try again.",
    };

    private static BackendReport Unreachable(string name, ConnectionOptions options, string code, string what, string remedy) => new()
    {
        Name = name,
        Dsn = options.Redacted,
        Reachable = false,
        Findings = [new Finding(FindingSeverity.Error, code, what, remedy)],
    };

    private static async Task<BackendReport> ReadAsync(string name, ConnectionOptions options, BackendConnection connection, CancellationToken cancellationToken)
    {
        var variables = await PairsAsync(connection, Variables, cancellationToken);
        var status = await PairsAsync(connection, "SHOW STATUS LIKE 'Ssl_cipher'", cancellationToken);
        var account = (await connection.QueryAsync("SELECT CURRENT_USER()", cancellationToken)).GetString(0, 0);
        var grants = await connection.QueryAsync("SHOW GRANTS", cancellationToken);
        var report = new BackendReport
        {
            Name = name,
            Dsn = options.Redacted,
            Reachable = true,
            Vendor = connection.Server.IsMariaDb ? "mariadb" : "mysql",
            Version = connection.Server.Version.ToString(),
            VersionString = connection.Server.VersionString,
            Account = account,
            TlsCipher = status.GetValueOrDefault("Ssl_cipher") is { Length: > 0 } cipher ? cipher : null,
            ServerId = uint.TryParse(variables.GetValueOrDefault("server_id"), CultureInfo.InvariantCulture, out var id) ? id : null,
            LogBin = variables.GetValueOrDefault("log_bin") is "ON" or "1",
            BinlogFormat = variables.GetValueOrDefault("binlog_format"),
            BinlogRowImage = variables.GetValueOrDefault("binlog_row_image"),
            GtidMode = variables.GetValueOrDefault("gtid_mode"),
            ReadOnly = variables.GetValueOrDefault("read_only") is "ON" or "1",
            LowerCaseTableNames = int.TryParse(variables.GetValueOrDefault("lower_case_table_names"), CultureInfo.InvariantCulture, out var lower) ? lower : null,
            Findings = [],
        };
        return report with
        {
            Findings = [.. BackendFindings.Of(report), .. BackendFindings.OfGrants(report, [.. grants.Rows.Select(row => row.GetString(0))])],
        };
    }

    private static async Task<Dictionary<string, string>> PairsAsync(BackendConnection connection, string sql, CancellationToken cancellationToken) =>
        (await connection.QueryAsync(sql, cancellationToken)).Rows.ToDictionary(row => row.GetString(0), row => row.GetString(1), StringComparer.OrdinalIgnoreCase);
}
