using System.Security.Cryptography;

namespace Switchyard.Topology.Tests;

public sealed class SecretTests
{
    private const string Dsn = "mysql://admin:s3cret%40x@db.example:3306/?ssl-mode=required";

    [Fact]
    public async Task A_password_is_nowhere_in_the_files_nor_in_what_is_printed()
    {
        using var directory = new StoreDirectory();
        using var secrets = SecretProtector.Load(directory.KeyPath, null);
        await using (var store = await directory.OpenAsync())
        {
            var repository = new TopologyRepository(store, secrets, TimeProvider.System);
            var backend = new Backend("old", Dsn);
            var credential = new LegCredential("old", "app", "%", "app", "gen3rated");
            await repository.Begin().Put(backend).Put(credential).CommitAsync();

            Assert.Equal(Dsn, (await repository.GetBackendAsync("old"))!.Value.Value.Dsn);
            Assert.Equal("gen3rated", (await repository.FindAsync("old", "app", "%"))!.Password);
            foreach (var text in new[] { backend.ToString(), credential.ToString(), TopologyJson.Write(backend), TopologyJson.Write(credential) })
            {
                Assert.DoesNotContain("s3cret", text, StringComparison.Ordinal);
                Assert.DoesNotContain("gen3rated", text, StringComparison.Ordinal);
            }
        }

        foreach (var file in Directory.EnumerateFiles(directory.Path))
        {
            var bytes = await File.ReadAllBytesAsync(file);
            Assert.False(bytes.AsSpan().IndexOf("s3cret"u8) >= 0, file);
            Assert.False(bytes.AsSpan().IndexOf("gen3rated"u8) >= 0, file);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public void A_secret_opens_only_with_its_key_and_in_its_record()
    {
        using var right = new SecretProtector(RandomNumberGenerator.GetBytes(SecretProtector.KeySizeBytes));
        using var wrong = new SecretProtector(RandomNumberGenerator.GetBytes(SecretProtector.KeySizeBytes));
        var text = right.Protect("backends/a", "secret");
        Assert.Equal("secret", right.Unprotect("backends/a", text));
        Assert.NotEqual(text, right.Protect("backends/a", "secret"));
        Assert.Throws<TopologyStoreException>(() => wrong.Unprotect("backends/a", text));
        Assert.Throws<TopologyStoreException>(() => right.Unprotect("backends/b", text));
        Assert.Throws<TopologyStoreException>(() => right.Unprotect("backends/a", "v1:AAAA"));
        Assert.Throws<TopologyStoreException>(() => right.Unprotect("backends/a", "secret"));
    }

    [Fact]
    public async Task A_store_opened_with_another_key_is_refused_at_once()
    {
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync();
        using var right = SecretProtector.Load(directory.KeyPath, null);
        using var wrong = SecretProtector.Load("unused", Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
        await new TopologyRepository(store, right, TimeProvider.System).CheckKeyAsync();
        await new TopologyRepository(store, right, TimeProvider.System).CheckKeyAsync();
        var error = await Assert.ThrowsAsync<TopologyStoreException>(() => new TopologyRepository(store, wrong, TimeProvider.System).CheckKeyAsync());
        Assert.Contains("another key", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not base64!")]
    [InlineData("c2hvcnQ=")]
    public void A_key_that_is_none_is_refused_with_the_way_to_make_one(string key)
    {
        var error = Assert.Throws<TopologyStoreException>(() => SecretProtector.Load("unused", key));
        Assert.Contains("/dev/urandom", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mysql://u:p@h:1/s", "mysql://u:***@h:1/s")]
    [InlineData("mysql://u:p@ss:w@h/", "mysql://u:***@h/")]
    [InlineData("mysql://u@h/", "mysql://u@h/")]
    [InlineData("mysql://u:p@h/?password=x&ssl-mode=required", "mysql://u:***@h/?password=***&ssl-mode=required")]
    [InlineData("u:p@h", "***")]
    public void A_dsn_is_shown_without_its_password(string dsn, string shown) => Assert.Equal(shown, DsnRedaction.Redact(dsn));
}
