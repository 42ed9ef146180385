using System.Net;
using System.Net.Sockets;
using Switchyard.Client.Protocol;
using Switchyard.Lab;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;
using Xunit;

namespace Switchyard.Client.Tests;

[Trait("Category", Lab.Category)]
public sealed class LoginTests
{
    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_login_knows_its_server(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var vendor = server.StartsWith("mariadb", StringComparison.Ordinal) ? ServerVendor.MariaDb : ServerVendor.MySql;
        Assert.Equal(vendor, connection.Server.Vendor);
        Assert.StartsWith(server.Split('-')[1] + ".", connection.Server.Version.ToString(), StringComparison.Ordinal);
        var row = (await connection.QueryAsync("SELECT CONNECTION_ID() AS id, VERSION() AS v, @@character_set_client AS c", Lab.Limit())).Rows[0];
        Assert.Equal(connection.Server.ConnectionId, row.GetUInt64("id"));
        Assert.EndsWith(row.GetString("V"), connection.Server.VersionString, StringComparison.Ordinal);
        Assert.Equal("utf8mb4", row.GetString("c"));
        await connection.PingAsync(Lab.Limit());
        Assert.True((connection.Status & ServerStatus.AutoCommit) != 0);
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_wrong_password_is_refused_with_the_servers_own_sentence(string server)
    {
        var e = await Assert.ThrowsAsync<ServerErrorException>(() => Lab.OpenAsync(server, options => options with { Password = "wrong" }));
        Assert.Equal((1045, "28000"), (e.Code, e.SqlState));
        Assert.Contains("Access denied for user", e.ServerMessage, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.5", AuthPlugins.NativePassword)]
    [InlineData("mariadb-10.11", AuthPlugins.NativePassword)]
    [InlineData("mariadb-11.8", AuthPlugins.NativePassword)]
    [InlineData("mysql-5.6", AuthPlugins.NativePassword)]
    [InlineData("mysql-9.7", AuthPlugins.CachingSha2Password)]
    [InlineData("mysql-9.7", AuthPlugins.Sha256Password)]
    public async Task Each_plugin_logs_in_with_and_without_tls_and_changes_user(string server, string plugin)
    {
        await using var admin = await Lab.OpenAsync(server);
        var user = LabServer.UniqueSchema();
        await CreateUserAsync(admin, user, plugin, "päss wörd'\\");
        var options = (await Lab.OptionsAsync(server)) with { User = user, Password = "päss wörd'\\" };
        var isFirst = true;
        foreach (var mode in new[] { SslMode.Disabled, SslMode.Preferred, SslMode.Disabled })
        {
            await using var connection = await BackendConnection.OpenAsync(options with { SslMode = mode }, Lab.Limit());
            Assert.Equal(plugin, connection.AuthPlugin);
            Assert.Equal(plugin == AuthPlugins.CachingSha2Password && !isFirst, connection.WasFastLogin);
            isFirst = false;
            Assert.StartsWith(user + "@", (await connection.QueryAsync("SELECT CURRENT_USER()", Lab.Limit())).GetString(0, 0), StringComparison.Ordinal);
            await connection.ChangeUserAsync(admin.Options with { Schema = "mysql" }, Lab.Limit());
            Assert.Equal("mysql", (await connection.QueryAsync("SELECT DATABASE()", Lab.Limit())).GetString(0, 0));
            await connection.ChangeUserAsync(options, Lab.Limit());
            Assert.StartsWith(user + "@", (await connection.QueryAsync("SELECT CURRENT_USER()", Lab.Limit())).GetString(0, 0), StringComparison.Ordinal);
        }

        await admin.ExecuteAsync($"DROP USER {user}@'%'", Lab.Limit());
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task An_account_without_password_logs_in(string server)
    {
        await using var admin = await Lab.OpenAsync(server);
        var user = LabServer.UniqueSchema();
        await admin.ExecuteAsync($"CREATE USER {user}@'%'", Lab.Limit());
        await using (var connection = await BackendConnection.OpenAsync(admin.Options with { User = user, Password = null, SslMode = SslMode.Disabled }, Lab.Limit()))
        {
            await connection.PingAsync(Lab.Limit());
        }

        await admin.ExecuteAsync($"DROP USER {user}@'%'", Lab.Limit());
    }

    [Theory]
    [InlineData("mariadb-10.5")]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    [InlineData("mysql-5.6")]
    public async Task The_hash_of_a_password_opens_a_native_account(string server)
    {
        var options = await Lab.OptionsAsync(server);
        var byHash = options with { Password = null, PasswordSha1 = NativePassword.HashPassword(options.Password!) };
        await using var connection = await BackendConnection.OpenAsync(byHash, Lab.Limit());
        await connection.PingAsync(Lab.Limit());
    }

    [Fact]
    public async Task The_hash_of_a_password_does_not_open_a_sha2_account_and_the_refusal_says_why()
    {
        var options = await Lab.OptionsAsync("mysql-9.7");
        var byHash = options with { Password = null, PasswordSha1 = NativePassword.HashPassword(options.Password!) };
        var e = await Assert.ThrowsAsync<BackendUnavailableException>(() => BackendConnection.OpenAsync(byHash, Lab.Limit()));
        Assert.Equal(UnavailableReason.LoginImpossible, e.Reason);
        Assert.Contains("needs the password itself", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_public_key_is_not_fetched_when_that_is_forbidden()
    {
        await using var admin = await Lab.OpenAsync("mysql-9.7");
        var user = LabServer.UniqueSchema();
        await CreateUserAsync(admin, user, AuthPlugins.CachingSha2Password, "x");
        var options = admin.Options with { User = user, Password = "x", SslMode = SslMode.Disabled, AllowPublicKeyRetrieval = false };
        var e = await Assert.ThrowsAsync<BackendUnavailableException>(() => BackendConnection.OpenAsync(options, Lab.Limit()));
        Assert.Contains("get-server-public-key", e.Message, StringComparison.Ordinal);
        await admin.ExecuteAsync($"DROP USER {user}@'%'", Lab.Limit());
    }

    [Theory]
    [InlineData("auth_gssapi_client", "plugin auth_gssapi_client, which is not supported")]
    [InlineData("mysql_old_password", "before MySQL 4.1")]
    [InlineData("mysql_clear_password", "has no TLS")]
    public async Task A_plugin_that_cannot_be_used_is_named_with_a_remedy(string plugin, string says)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var accepted = listener.AcceptSocketAsync();
        var opening = BackendConnection.OpenAsync(new ConnectionOptions { Port = ((IPEndPoint)listener.LocalEndpoint).Port, Password = "x" }, Lab.Limit());
        await using var stream = new NetworkStream(await accepted, ownsSocket: true);
        using var packets = new PacketStream(stream);
        new HandshakePayload
        {
            ServerVersion = "5.5.5-10.11.0-MariaDB",
            ConnectionId = 1,
            Nonce = AuthNonce.Create(),
            Capabilities = Capabilities.Protocol41 | Capabilities.SecureConnection | Capabilities.PluginAuth | Capabilities.LongPassword,
            AuthPlugin = AuthPlugins.NativePassword,
        }.Write(packets.BeginPayload());
        await packets.SendAsync(Lab.Limit());
        await packets.ReadAsync(Lab.Limit());
        AuthSwitchRequestPayload.ForNonce(plugin, AuthNonce.Create()).Write(packets.BeginPayload());
        await packets.SendAsync(Lab.Limit());
        var e = await Assert.ThrowsAsync<BackendUnavailableException>(() => opening);
        Assert.Equal(UnavailableReason.LoginImpossible, e.Reason);
        Assert.Contains(says, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Connection_options_reach_the_server(string server)
    {
        await using var connection = await Lab.OpenAsync(server, options => options with
        {
            Schema = "mysql",
            ExtraCapabilities = Capabilities.FoundRows,
            Collation = 63,
            Attributes = new Dictionary<string, string> { ["program_name"] = "switchyard", ["_switchyard"] = "proxy-1" },
        });
        var row = (await connection.QueryAsync("SELECT DATABASE() AS d, @@character_set_client AS c", Lab.Limit())).Rows[0];
        Assert.Equal(("mysql", "binary"), (row.GetString("d"), row.GetString("c")));
        await connection.ExecuteAsync("CREATE TEMPORARY TABLE test_found (a INT)", Lab.Limit());
        await connection.ExecuteAsync("INSERT INTO test_found VALUES (1)", Lab.Limit());
        Assert.Equal(1UL, (await connection.ExecuteAsync("UPDATE test_found SET a = 1", Lab.Limit())).AffectedRows);
        if ((await connection.QueryAsync("SELECT @@performance_schema", Lab.Limit())).GetString(0, 0) == "1")
        {
            var attribute = await connection.QueryAsync(
                "SELECT attr_value FROM performance_schema.session_connect_attrs WHERE processlist_id = CONNECTION_ID() AND attr_name = '_switchyard'",
                Lab.Limit());
            Assert.Equal("proxy-1", attribute.GetString(0, 0));
        }
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Exactly_the_capabilities_asked_for_are_agreed(string server)
    {
        await using var connection = await Lab.OpenAsync(server, options => options with
        {
            SslMode = SslMode.Disabled,
            ExactCapabilities = Capabilities.Transactions | Capabilities.LongPassword | Capabilities.MultiResults | Capabilities.LocalFiles,
        });
        const Capabilities login = Capabilities.Protocol41 | Capabilities.SecureConnection | Capabilities.PluginAuth | Capabilities.PluginAuthLengthEncodedData;
        const Capabilities asked = Capabilities.Transactions | Capabilities.MultiResults | Capabilities.LocalFiles | Capabilities.LongPassword;
        Assert.Equal(login | asked, connection.Negotiated | Capabilities.LongPassword);
        Assert.Equal(2, (await connection.QueryAsync("SELECT 1 UNION SELECT 2", Lab.Limit())).RowCount);
    }

    [Fact]
    public async Task Nobody_listening_is_unavailable_and_says_where()
    {
        // Kept, so that nobody else listens there.
        using var deaf = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)deaf.LocalEndPoint!).Port;
        var e = await Assert.ThrowsAsync<BackendUnavailableException>(() => BackendConnection.OpenAsync(new ConnectionOptions { Port = port }, Lab.Limit()));
        Assert.Equal(UnavailableReason.ConnectFailed, e.Reason);
        Assert.Contains($"127.0.0.1:{port}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_never_greets_is_given_up_in_time()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var options = new ConnectionOptions { Port = ((IPEndPoint)silent.LocalEndpoint).Port, ConnectTimeout = TimeSpan.FromMilliseconds(100) };
        var e = await Assert.ThrowsAsync<BackendUnavailableException>(() => BackendConnection.OpenAsync(options, Lab.Limit()));
        Assert.Equal(UnavailableReason.TimedOut, e.Reason);
    }

    [Fact]
    public async Task A_server_that_refuses_before_greeting_is_heard()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var accepted = listener.AcceptSocketAsync();
        var opening = BackendConnection.OpenAsync(new ConnectionOptions { Port = ((IPEndPoint)listener.LocalEndpoint).Port }, Lab.Limit());
        using var socket = await accepted;
        byte[] refusal = [0xFF, 0x10, 0x04, .. "Too many connections"u8];
        await socket.SendAsync(new byte[] { (byte)refusal.Length, 0, 0, 0 });
        await socket.SendAsync(refusal);
        var e = await Assert.ThrowsAsync<ServerErrorException>(() => opening);
        Assert.Equal((1040, "HY000", "Too many connections"), (e.Code, e.SqlState, e.ServerMessage));
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_detached_connection_is_the_new_owners_alone(string server)
    {
        var connection = await Lab.OpenAsync(server);
        var transport = connection.Detach();
        await Assert.ThrowsAsync<InvalidOperationException>(() => connection.PingAsync(Lab.Limit()));
        await connection.DisposeAsync();
        await transport.Stream.WriteAsync(new byte[] { 1, 0, 0, 0, (byte)CommandKind.Ping });
        var answer = new byte[PacketLimits.HeaderSize + 1];
        await transport.Stream.ReadExactlyAsync(answer);
        Assert.Equal((1, 0), (answer[3], answer[4]));
        await transport.DisposeAsync();
    }

    private static async Task CreateUserAsync(BackendConnection admin, string user, string plugin, string password)
    {
        var isMySql57OrLater = admin.Server.IsAtLeast(ServerVendor.MySql, 5, 7);
        var with = isMySql57OrLater ? $"WITH {plugin} BY" : "BY";
        await admin.ExecuteAsync($"CREATE USER {user}@'%' IDENTIFIED {with} {SqlText.QuoteString(password)}", Lab.Limit());
    }
}
