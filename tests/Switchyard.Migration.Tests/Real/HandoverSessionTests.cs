using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>The connection that triggers and events are created over, after one was refused.</summary>
[Trait("Category", "Integration")]
public sealed class HandoverSessionTests
{
    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_schema_of_nothing_but_a_routine_is_one_that_its_server_has_to_go_on_for(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        var options = ConnectionOptions.Parse(server.Dsn);
        var schema = LabServer.UniqueSchema();
        await using var admin = await BackendConnection.OpenAsync(options, default);
        await admin.ExecuteAsync($"CREATE DATABASE {schema}", default);
        await using var side = new ServerSide(options, [schema]);
        Assert.DoesNotContain(schema, await side.ListSchemasAsync(default));
        await admin.ExecuteAsync($"CREATE PROCEDURE {schema}.p() SELECT 1", default);
        Assert.Contains(schema, await side.ListSchemasAsync(default));
        await admin.ExecuteAsync($"DROP DATABASE {schema}", default);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_trigger_that_is_refused_leaves_its_mode_to_nothing_that_follows(string server)
    {
        var options = ConnectionOptions.Parse((await LabServer.SharedAsync(server, "target")).Dsn);
        var schema = LabServer.UniqueSchema() + @"\x";
        await using var admin = await BackendConnection.OpenAsync(options, default);
        await admin.ExecuteAsync($"CREATE DATABASE `{schema}`", default);
        await admin.ExecuteAsync($"CREATE TABLE `{schema}`.t (id INT PRIMARY KEY)", default);
        await using var side = new ServerSide(options, [schema]);

        var refused = await Assert.ThrowsAsync<CutoverFailedException>(() => side.CreateTriggerAsync(
            new TriggerDefinition(schema, "broken", "t", "CREATE TRIGGER broken BEFORE INSERT ON t FOR EACH ROW SET NEW.missing=1", "NO_BACKSLASH_ESCAPES"), default));

        Assert.Contains("broken", refused.Message, StringComparison.Ordinal);
        Assert.True(await side.SchemaExistsAsync(schema, default), "A text of ours is read in the trigger's mode.");
        await admin.ExecuteAsync($"DROP DATABASE `{schema}`", default);
    }
}
