using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>A trigger or event of a migrated table is found whatever case the server keeps names in, and no other table's is taken for it.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class PassiveSideTests
{
    private static readonly TableName[] s_recorded = [new("Shop", "Orders")];

    [Fact]
    public async Task A_server_that_keeps_names_in_lower_case_is_searched_for_them_in_any()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11", "--lower-case-table-names=1", "--event-scheduler=ON");
        await using var connection = await OpenAsync(server);
        await PassiveSide.VerifyAsync(connection, s_recorded, default);

        await connection.ExecuteAsync("CREATE TRIGGER shop.counted BEFORE INSERT ON shop.orders FOR EACH ROW SET NEW.v=1", default);
        Assert.Contains("Trigger counted on shop.orders is live", await RefusedAsync(connection), StringComparison.Ordinal);
        await connection.ExecuteAsync("DROP TRIGGER shop.counted", default);

        await connection.ExecuteAsync("CREATE EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM shop.orders", default);
        Assert.Contains("Event shop.nightly is enabled", await RefusedAsync(connection), StringComparison.Ordinal);
        await connection.ExecuteAsync("ALTER EVENT shop.nightly DISABLE", default);
        await PassiveSide.VerifyAsync(connection, s_recorded, default);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Where_case_matters_another_tables_trigger_is_nobodys_business(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var connection = await OpenAsync(server);
        await connection.ExecuteAsync("CREATE TABLE Shop.orders (id INT PRIMARY KEY, v INT)", default);
        await connection.ExecuteAsync("CREATE TRIGGER Shop.other BEFORE INSERT ON Shop.orders FOR EACH ROW SET NEW.v=1", default);
        await PassiveSide.VerifyAsync(connection, s_recorded, default);

        await connection.ExecuteAsync("CREATE TRIGGER Shop.counted BEFORE INSERT ON Shop.Orders FOR EACH ROW SET NEW.v=1", default);
        Assert.Contains("Trigger counted on Shop.Orders is live", await RefusedAsync(connection), StringComparison.Ordinal);
    }

    private static async Task<BackendConnection> OpenAsync(LabServer server)
    {
        var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), default);
        await connection.ExecuteAsync("CREATE DATABASE Shop", default);
        await connection.ExecuteAsync("CREATE TABLE Shop.Orders (id INT PRIMARY KEY, v INT)", default);
        return connection;
    }

    private static async Task<string> RefusedAsync(BackendConnection connection) =>
        (await Assert.ThrowsAsync<ReplicationException>(() => PassiveSide.VerifyAsync(connection, s_recorded, default))).Message;
}
