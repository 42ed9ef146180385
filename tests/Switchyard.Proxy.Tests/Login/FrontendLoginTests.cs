using System.Net;
using System.Threading.Channels;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Login;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;
using Xunit;

namespace Switchyard.Proxy.Tests.Login;

[Trait("Category", "Integration")]
public sealed class FrontendLoginTests : IDisposable
{
    private const string Password = "pässwörd 'x";
    private readonly RsaLoginKey _rsa = new();
    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(6)).Token;

    [Theory]
    [InlineData("mariadb-10.5", AuthPlugins.NativePassword)]
    [InlineData("mariadb-10.11", AuthPlugins.NativePassword)]
    [InlineData("mariadb-11.8", AuthPlugins.NativePassword)]
    [InlineData("mysql-5.6", AuthPlugins.NativePassword)]
    [InlineData("mysql-9.7", AuthPlugins.CachingSha2Password)]
    [InlineData("mysql-9.7", AuthPlugins.Sha256Password)]
    public async Task What_a_client_proves_opens_the_backend_in_its_name(string server, string plugin)
    {
        await using var backend = await Backend.CreateAsync(server, plugin, Password, _limit);
        foreach (var begin in new[] { AuthPlugins.NativePassword, AuthPlugins.CachingSha2Password, AuthPlugins.ClearPassword })
        {
            foreach (var isTls in new[] { false, true })
            {
                var outcome = await LogInAsync(backend, backend.User, Password, begin, isTls);
                Assert.Null(outcome.Refusal);
                var proof = outcome.Proof!;
                Assert.Equal(plugin, proof.Plugin);
                Assert.DoesNotContain(Password, proof.ToString(), StringComparison.Ordinal);
                await using var leg = await BackendConnection.OpenAsync(proof.Apply(backend.Options), _limit);
                Assert.Null((await LegIdentity.CheckAsync(leg, proof, _limit)).Refusal);
            }
        }
    }

    [Theory]
    [InlineData("mariadb-10.11", AuthPlugins.NativePassword)]
    [InlineData("mysql-5.6", AuthPlugins.NativePassword)]
    [InlineData("mysql-9.7", AuthPlugins.CachingSha2Password)]
    public async Task A_wrong_password_is_refused_in_the_servers_words(string server, string plugin)
    {
        await using var backend = await Backend.CreateAsync(server, plugin, Password, _limit);
        foreach (var password in new[] { "wrong", "" })
        {
            var direct = await Assert.ThrowsAsync<ServerErrorException>(
                () => BackendConnection.OpenAsync(backend.Options with { User = backend.User, Password = password }, _limit));
            var outcome = await LogInAsync(backend, backend.User, password, plugin, isTls: true);
            if (outcome.Proof is { } proof)
            {
                // Only the backend can tell; its refusal is what the client hears.
                var error = await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(proof.Apply(backend.Options), _limit));
                outcome = new LoginOutcome(null, LegIdentity.ForClient(error, proof));
            }

            Assert.Equal((direct.Code, direct.SqlState, direct.ServerMessage), ((int)outcome.Refusal!.Code, outcome.Refusal.SqlState, outcome.Refusal.Message));
        }
    }

    [Fact]
    public async Task A_password_that_cannot_be_read_is_refused_and_not_counted_as_wrong()
    {
        await using var backend = await Backend.CreateAsync("mysql-9.7", AuthPlugins.CachingSha2Password, Password, _limit);
        foreach (var user in new[] { backend.User, "nobody_knows" })
        {
            var nonce = AuthNonce.Create();
            using var another = new RsaLoginKey();
            var client = new ScriptedClient { Password = Password, Plugin = AuthPlugins.CachingSha2Password, Nonce = nonce, PinnedKey = another.PublicKeyPem.ToArray() };
            var request = new LoginRequest(user, IPAddress.Loopback, client.Plugin, client.FirstAnswer(), nonce, Capabilities.PluginAuth | Capabilities.Protocol41);
            var outcome = await new FrontendLogin(backend.Directory, _rsa, []).RunAsync(client, request, _limit);
            Assert.Equal(1045, outcome.Refusal!.Code);
            Assert.Null(outcome.Failed);
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task An_unknown_user_is_refused_in_the_servers_words(string server)
    {
        var lab = await LabServer.SharedAsync(server, "proxy-login");
        var options = ConnectionOptions.Parse(lab.Dsn) with { User = "nobody_knows", Password = "x" };
        var direct = await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(options, _limit));
        await using var directory = new AccountDirectory(ConnectionOptions.Parse(lab.Dsn), TimeProvider.System);
        var nonce = AuthNonce.Create();
        var request = new LoginRequest("nobody_knows", IPAddress.Loopback, AuthPlugins.NativePassword, NativePassword.Scramble("x", nonce), nonce, Capabilities.PluginAuth);
        var outcome = await new FrontendLogin(directory, _rsa, []).RunAsync(new ScriptedClient { Password = "x" }, request, _limit);
        Assert.Equal((direct.Code, direct.ServerMessage), ((int)outcome.Refusal!.Code, outcome.Refusal.Message));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    public async Task A_password_changed_a_moment_ago_works_at_once_and_the_old_one_does_not(string server)
    {
        await using var backend = await Backend.CreateAsync(server, AuthPlugins.NativePassword, Password, _limit);
        Assert.NotNull((await LogInAsync(backend, backend.User, Password, AuthPlugins.NativePassword, isTls: false)).Proof);
        await using (var admin = await BackendConnection.OpenAsync(backend.Options, _limit))
        {
            await admin.ExecuteAsync($"SET PASSWORD FOR {backend.User}@'%' = PASSWORD('new one')", _limit);
        }

        var changed = await LogInAsync(backend, backend.User, "new one", AuthPlugins.NativePassword, isTls: false);
        Assert.NotNull(changed.Proof);
        var old = await LogInAsync(backend, backend.User, Password, AuthPlugins.NativePassword, isTls: false);
        Assert.Equal(1045, old.Refusal!.Code);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task An_account_without_password_lets_in_only_without_one(string server)
    {
        await using var backend = await Backend.CreateAsync(server, null, "", _limit);
        var plugin = server == "mysql-9.7" ? AuthPlugins.CachingSha2Password : AuthPlugins.NativePassword;
        var outcome = await LogInAsync(backend, backend.User, "", plugin, isTls: false);
        await using var leg = await BackendConnection.OpenAsync(outcome.Proof!.Apply(backend.Options), _limit);
        Assert.Null((await LegIdentity.CheckAsync(leg, outcome.Proof, _limit)).Refusal);
    }

    /// <summary>MySQL 9 has no native passwords any more, and keeps in its tables what is written there in the form of MySQL 8.</summary>
    [Fact]
    public async Task An_account_that_has_kept_the_password_before_lets_in_by_either()
    {
        const string Later = "a later one";
        await using var backend = await Backend.CreateAsync("mysql-9.7", AuthPlugins.CachingSha2Password, Password, _limit);
        await using var admin = await BackendConnection.OpenAsync(backend.Options, _limit);
        await admin.ExecuteAsync($"ALTER USER {backend.User}@'%' IDENTIFIED BY '{Later}' RETAIN CURRENT PASSWORD", _limit);
        foreach (var password in new[] { Password, Later })
        {
            var outcome = await LogInAsync(backend, backend.User, password, AuthPlugins.CachingSha2Password, isTls: false);
            await using var leg = await BackendConnection.OpenAsync(outcome.Proof!.Apply(backend.Options), _limit);
            Assert.Null((await LegIdentity.CheckAsync(leg, outcome.Proof, _limit)).Refusal);
        }

        await admin.ExecuteAsync(
            $"UPDATE mysql.user SET plugin = 'mysql_native_password', authentication_string = '{Stored(Later)}', User_attributes = JSON_SET(User_attributes, '$.additional_password', '{Stored(Password)}') WHERE User = '{backend.User}'",
            _limit);
        await using var fresh = new AccountDirectory(backend.Options, TimeProvider.System);
        foreach (var (password, isLetIn) in new[] { (Password, true), (Later, true), ("neither", false) })
        {
            var outcome = await LogInAsync(fresh, backend.User, password, AuthPlugins.NativePassword, isTls: false);
            Assert.Equal(isLetIn, outcome.Proof is not null);
        }

        static string Stored(string password) => "*" + Convert.ToHexString(NativePassword.StoredHash(NativePassword.HashPassword(password)));
    }

    [Fact]
    public async Task An_account_that_wants_tls_is_closed_without_it()
    {
        await using var backend = await Backend.CreateAsync("mariadb-11.8", AuthPlugins.NativePassword, Password, _limit, "REQUIRE SSL");
        Assert.Equal(1045, (await LogInAsync(backend, backend.User, Password, AuthPlugins.NativePassword, isTls: false)).Refusal!.Code);
        Assert.NotNull((await LogInAsync(backend, backend.User, Password, AuthPlugins.NativePassword, isTls: true)).Proof);
    }

    [Fact]
    public async Task An_account_that_wants_a_certificate_is_refused_with_the_reason()
    {
        await using var backend = await Backend.CreateAsync("mariadb-11.8", AuthPlugins.NativePassword, Password, _limit, "REQUIRE X509");
        var refusal = (await LogInAsync(backend, backend.User, Password, AuthPlugins.NativePassword, isTls: true)).Refusal!;
        Assert.Equal((1045, "28000"), ((int)refusal.Code, refusal.SqlState));
        Assert.StartsWith($"Access denied for user '{backend.User}'@'127.0.0.1' (using password: YES): ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("client certificate", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_leg_taken_for_another_account_of_the_same_name_is_refused()
    {
        await using var backend = await Backend.CreateAsync("mariadb-10.11", AuthPlugins.NativePassword, Password, _limit);
        var outcome = await LogInAsync(backend, backend.User, Password, AuthPlugins.NativePassword, isTls: false);
        var account = outcome.Proof!.Account with { Host = "10.%" };
        var elsewhere = outcome.Proof with { Account = account, Candidates = [account], Client = new ClientHost(IPAddress.Parse("10.1.2.3"), null) };
        await using var leg = await BackendConnection.OpenAsync(elsewhere.Apply(backend.Options), _limit);
        var (refusal, _) = await LegIdentity.CheckAsync(leg, elsewhere, _limit);
        Assert.Equal($"Access denied for user '{backend.User}'@'10.1.2.3' (using password: YES)", refusal!.Message);
    }

    [Fact]
    public void The_certificate_made_at_start_encrypts_for_rsa_clients()
    {
        using var certificate = ServerCertificate.CreateSelfSigned(TimeProvider.System);
        Assert.True(certificate.HasPrivateKey);
        Assert.NotNull(System.Security.Cryptography.X509Certificates.RSACertificateExtensions.GetRSAPrivateKey(certificate));
        var e = Assert.Throws<InvalidOperationException>(() => ServerCertificate.Load("/nonexistent.pem", "/nonexistent.key"));
        Assert.Contains("/nonexistent.pem", e.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _rsa.Dispose();

    /// <summary>Logs in as a client that begins with a plugin and follows wherever the server switches it.</summary>
    private Task<LoginOutcome> LogInAsync(Backend backend, string user, string password, string plugin, bool isTls) =>
        LogInAsync(backend.Directory, user, password, plugin, isTls);

    private async Task<LoginOutcome> LogInAsync(AccountDirectory accounts, string user, string password, string plugin, bool isTls)
    {
        var nonce = AuthNonce.Create();
        var client = new ScriptedClient { IsTls = isTls, Password = password, Plugin = plugin, Nonce = nonce };
        var request = new LoginRequest(user, IPAddress.Loopback, plugin, client.FirstAnswer(), nonce, Capabilities.PluginAuth | Capabilities.Protocol41);
        return await new FrontendLogin(accounts, _rsa, []).RunAsync(client, request, _limit);
    }

    /// <summary>Answers as a client library does.</summary>
    private sealed class ScriptedClient : ILoginChannel
    {
        private readonly Channel<byte[]> _answers = Channel.CreateUnbounded<byte[]>();
        private bool _waitsForKey;

        public bool IsTls { get; init; }

        public string Password { get; init; } = "";

        /// <summary>A key the client has from somewhere else; null has it ask for one.</summary>
        public byte[]? PinnedKey { get; init; }

        public string Plugin { get; set; } = "";

        public byte[] Nonce { get; set; } = [];

        public byte[] FirstAnswer() => Plugin switch
        {
            AuthPlugins.NativePassword => NativePassword.Scramble(Password, Nonce),
            AuthPlugins.CachingSha2Password => CachingSha2Password.Scramble(Password, Nonce),
            AuthPlugins.Sha256Password when IsTls || Password.Length == 0 => ClearPassword.Encode(Password),
            AuthPlugins.Sha256Password => AskForKey(Sha256Password.PublicKeyRequest),
            _ => ClearPassword.Encode(IsTls ? Password : ""),
        };

        public async ValueTask SendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
        {
            byte[] answer;
            if (payload.Span[0] == AuthSwitchRequestPayload.Header)
            {
                var request = AuthSwitchRequestPayload.Parse(payload.Span);
                Plugin = request.Plugin;
                Nonce = request.Nonce.ToArray();
                answer = FirstAnswer();
            }
            else
            {
                var data = AuthMoreDataPayload.Parse(payload.Span).Data.ToArray();
                answer = _waitsForKey ? RsaPasswordExchange.Encrypt(Password, Nonce, data)
                    : data is not [CachingSha2Password.FullAuthenticationRequired] ? throw new InvalidOperationException("unexpected data")
                    : IsTls ? ClearPassword.Encode(Password)
                    : PinnedKey is { } key ? RsaPasswordExchange.Encrypt(Password, Nonce, key)
                    : AskForKey(CachingSha2Password.PublicKeyRequest);
            }

            await _answers.Writer.WriteAsync(answer, cancellationToken);
        }

        public async ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(CancellationToken cancellationToken) => await _answers.Reader.ReadAsync(cancellationToken);

        private byte[] AskForKey(byte request)
        {
            _waitsForKey = true;
            return [request];
        }
    }

    /// <summary>A lab server with one account on it.</summary>
    private sealed class Backend : IAsyncDisposable
    {
        public required ConnectionOptions Options { get; init; }

        public required string User { get; init; }

        public required AccountDirectory Directory { get; init; }

        public static async Task<Backend> CreateAsync(string server, string? plugin, string password, CancellationToken cancellationToken, string require = "")
        {
            var options = ConnectionOptions.Parse((await LabServer.SharedAsync(server, "proxy-login")).Dsn);
            var user = LabServer.UniqueSchema();
            await using var admin = await BackendConnection.OpenAsync(options, cancellationToken);
            var with = admin.Server.IsAtLeast(ServerVendor.MySql, 5, 7) && plugin is not null ? $"WITH {plugin} BY" : "BY";
            await admin.ExecuteAsync($"CREATE USER {user}@'%' {(password.Length == 0 ? "" : $"IDENTIFIED {with} {SqlText.QuoteString(password)}")} {require}", cancellationToken);
            return new Backend { Options = options, User = user, Directory = new AccountDirectory(options, TimeProvider.System) };
        }

        public async ValueTask DisposeAsync()
        {
            await Directory.DisposeAsync();
            await using var admin = await BackendConnection.OpenAsync(Options, CancellationToken.None);
            await admin.ExecuteAsync($"DROP USER {User}@'%'", CancellationToken.None);
        }
    }
}
