using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Sequences set on a server that cannot, or need not.</summary>
[Trait("Category", "Integration")]
public sealed class SequenceTests
{
    [Theory]
    [InlineData("mariadb-10.5")]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_sequence_that_is_not_there_is_named_with_what_to_do(string server)
    {
        await using var home = await Home.OpenAsync(server, "CREATE TABLE is_a_table (id INT)", "CREATE TABLE is_another (id INT)");
        await using var side = new ServerSide(home.Options, [home.Schema]);

        foreach (var (schema, name) in ((string, string)[])[(home.Schema, "missing"), (home.Schema, "is_a_table"), ("no_such_schema", "missing")])
        {
            var failed = await Assert.ThrowsAsync<CutoverFailedException>(() => side.RaiseSequencesAsync([new(new TableName(schema, name), new SequenceValue(5, 0))], default));
            Assert.Contains($"{schema}.{name}", failed.Message, StringComparison.Ordinal);
            Assert.Contains("SHOW CREATE SEQUENCE", failed.Remedy, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("mariadb-10.5")]
    [InlineData("mariadb-11.8")]
    public async Task An_account_that_may_not_set_a_sequence_is_told_what_it_lacks(string server)
    {
        await using var home = await Home.OpenAsync(server, "CREATE SEQUENCE s");
        await home.Admin.ExecuteAsync($"CREATE USER '{home.Schema}'@'%' IDENTIFIED BY 'Passw0rd!'", default);
        await home.Admin.ExecuteAsync($"GRANT SELECT ON {home.Schema}.* TO '{home.Schema}'@'%'", default);
        await using var side = new ServerSide(home.Options with { User = home.Schema, Password = "Passw0rd!" }, [home.Schema]);

        var refused = await Assert.ThrowsAsync<ServerErrorException>(() => side.RaiseSequencesAsync([new(new TableName(home.Schema, "s"), new SequenceValue(5, 0))], default));

        Assert.Equal(1142, refused.Code);
        await home.Admin.ExecuteAsync($"DROP USER '{home.Schema}'@'%'", default);
    }

    [Theory]
    [InlineData("mariadb-10.5")]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    public async Task A_sequence_goes_on_behind_what_it_is_set_to_and_never_back(string server)
    {
        await using var home = await Home.OpenAsync(
            server, "CREATE SEQUENCE up CACHE 2", "CREATE SEQUENCE down INCREMENT BY -3 CACHE 2", "CREATE SEQUENCE `odd ``one` INCREMENT BY 5 CACHE 2", "CREATE SEQUENCE turns MAXVALUE 10 CACHE 2 CYCLE");
        await using var side = new ServerSide(home.Options, [home.Schema]);
        var first = new Dictionary<TableName, SequenceValue>
        {
            [Name("up")] = new(50, 0), [Name("down")] = new(-50, 0), [Name("odd `one")] = new(21, 0), [Name("turns")] = new(9, 0),
        };

        await side.RaiseSequencesAsync(first, default);
        var read = await side.ReadIdentitiesAsync([new MigratedSchema(home.Schema, [], Whole: true)], default);
        Assert.Equal(first, read.Sequences);

        // A lower value of the same round is left alone, one of a later round is not.
        await side.RaiseSequencesAsync(new Dictionary<TableName, SequenceValue> { [Name("up")] = new(20, 0), [Name("down")] = new(-20, 0), [Name("turns")] = new(3, 1) }, default);
        Assert.Equal(50, await NextAsync("up"));
        Assert.Equal(-50, await NextAsync("down"));
        Assert.Equal(21, await NextAsync("`odd ``one`"));
        Assert.Equal(3, await NextAsync("turns"));

        TableName Name(string name) => new(home.Schema, name);
        async Task<long> NextAsync(string sequence) => (await home.Admin.QueryAsync($"SELECT NEXTVAL({sequence})", default)).GetInt64(0, 0);
    }

    /// <summary>A schema of the test's own on a shared server.</summary>
    private sealed class Home : IAsyncDisposable
    {
        public string Schema { get; } = LabServer.UniqueSchema();

        public required ConnectionOptions Options { get; init; }

        public required BackendConnection Admin { get; init; }

        public static async Task<Home> OpenAsync(string server, params string[] statements)
        {
            var options = ConnectionOptions.Parse((await LabServer.SharedAsync(server, "target")).Dsn);
            var home = new Home { Options = options, Admin = await BackendConnection.OpenAsync(options, default) };
            await home.Admin.ExecuteAsync($"CREATE DATABASE {home.Schema}", default);
            await home.Admin.ChangeSchemaAsync(home.Schema, default);
            foreach (var statement in statements)
            {
                await home.Admin.ExecuteAsync(statement, default);
            }

            return home;
        }

        public async ValueTask DisposeAsync()
        {
            await Admin.ExecuteAsync($"DROP DATABASE {Schema}", default);
            await Admin.DisposeAsync();
        }
    }
}
