using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Names beyond ASCII of clients that do not speak UTF-8: users, schemas and tables are what the server takes them for.</summary>
[Trait("Category", "Integration")]
public sealed class NameCharacterSetTests
{
    private const string Password = "p";

    /// <summary>In sjis these letters end with the byte of a backslash, so that statements with them are not read.</summary>
    private static readonly (byte Collation, int CodePage, string User, string Suffix)[] s_clients =
        [(8, 1252, "jürgen", "café"), (13, 932, "ソ連", "表"), (12, 51932, "日本", "東京")];

    [Theory]
    [InlineData("mysql-5.6")]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Users_and_schemas_are_those_that_the_server_itself_knows_by_these_bytes(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        foreach (var client in s_clients)
        {
            var schema = $"{harness.Schema}_{client.Suffix}";
            await PrepareAsync(harness, server, client.User, schema);
            var direct = await UseAsync(server.Port, name, client, schema);
            Assert.Equal(["in", Hex(client.User, schema)], direct.Take(2));
            Assert.Equal(direct, await UseAsync(harness.Client.Port, name, client, schema));
        }
    }

    /// <summary>By whichever way a session came into a schema: its statements are routed by it, and it is carried to where they go.</summary>
    [Theory]
    [InlineData("mysql-5.6")]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Writes_go_where_their_schema_is(string name)
    {
        var (source, target) = (await LabServer.SharedAsync(name, "source"), await LabServer.SharedAsync(name, "target"));
        await using var harness = await ProxyHarness.StartAsync(("s", source), ("t", target));
        foreach (var client in s_clients[..2])
        {
            var schema = $"{harness.Schema}_{client.Suffix}";
            foreach (var server in new[] { source, target })
            {
                await PrepareAsync(harness, server, client.User, schema);
            }

            var sessions = new List<LoginClient>();
            var writes = 0;
            foreach (var isBefore in new[] { true, false })
            {
                for (var way = 0; way < 4; way++)
                {
                    sessions.Add(await EnterAsync(harness.Client.Port, name, client, schema, way));
                    Assert.Equal("ok", await sessions[^1].CommandAsync(CommandKind.Query, "INSERT INTO t VALUES (1)"u8.ToArray()));
                    writes += isBefore ? 1 : 0;
                }

                if (isBefore)
                {
                    await harness.CommitAsync(harness.Repository.Begin().Put(harness.View.Current.Routing with
                    {
                        Epoch = harness.View.Current.Routing.Epoch + 1,
                        Rules = [new RoutingRule(schema, null, "t", "t", "m")],
                    }));
                }
            }

            // Named in full, by a session in no schema.
            sessions.Add((await LoginClient.LogInAsync(harness.Client.Port, PluginOf(name), ProxyHarness.AppUser, ProxyHarness.AppPassword, collation: client.Collation, text: TextOf(client.CodePage))).Client);
            Assert.Equal("ok", await sessions[^1].CommandAsync(CommandKind.Query, TextOf(client.CodePage).GetBytes($"INSERT INTO `{schema}`.t VALUES (3)")));

            // MySQL takes the letters in such a text for others.
            var isPrepared = await sessions[^1].CommandAsync(CommandKind.Query, TextOf(client.CodePage).GetBytes($"PREPARE s FROM 'INSERT INTO `{schema}` . t VALUES (3)'")) == "ok";
            Assert.Equal(name.StartsWith("mariadb", StringComparison.Ordinal), isPrepared);
            await sessions[^1].CommandAsync(CommandKind.Query, "EXECUTE s"u8.ToArray());
            await sessions[^1].DisposeAsync();
            sessions.RemoveAt(sessions.Count - 1);
            var answers = new List<string>();
            foreach (var session in sessions)
            {
                answers.Add(await session.CommandAsync(CommandKind.Query, "INSERT INTO t VALUES (2)"u8.ToArray()));
                await session.DisposeAsync();
            }

            // A session that came by a text which could not be read stays where it was before, and says so.
            var stays = client.CodePage == 932 ? 3 : -1;
            Assert.All(answers.Index(), answer => Assert.StartsWith(answer.Index == stays ? "1105 This session is on backend 's'" : "ok", answer.Item, StringComparison.Ordinal));
            Assert.Equal($"{writes}", await harness.ScalarAsync(source, $"SELECT COUNT(*) FROM `{schema}`.t"));
            Assert.Equal(stays < 0 ? "12" : "11", await harness.ScalarAsync(target, $"SELECT COUNT(*) FROM `{schema}`.t WHERE v < 3"));
            Assert.Equal(isPrepared ? "2" : "1", await harness.ScalarAsync(target, $"SELECT COUNT(*) FROM `{schema}`.t WHERE v = 3"));
        }
    }

    [Theory]
    [InlineData("mysql-5.6")]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task User_variables_of_such_names_keep_their_values_where_the_session_goes(string name)
    {
        var (source, target) = (await LabServer.SharedAsync(name, "source"), await LabServer.SharedAsync(name, "target"));
        await using var harness = await ProxyHarness.StartAsync(("s", source), ("t", target));
        var latin1 = TextOf(1252);

        // Another variable, which later MySQLs refuse.
        var unquoted = name == "mysql-9.7" ? "@other" : "@größe";
        var (client, _) = await LoginClient.LogInAsync(
            harness.Client.Port, PluginOf(name), ProxyHarness.AppUser, ProxyHarness.AppPassword, collation: 8, schema: harness.Schema, text: latin1);
        await using var session = client;
        Assert.Equal("ok", await client.CommandAsync(CommandKind.Query, latin1.GetBytes($"SET {unquoted} = 7, @`größe` = 8, @name = 'größe'")));
        await harness.RouteAsync("t", "t");
        Assert.Equal("7 8 6772F6DF65", await client.AskAsync($"SELECT CONCAT_WS(' ', {unquoted}, @`größe`, HEX(@name))"));
        Assert.Equal("t", Assert.Single(await harness.SettledAsync()).Backend);
    }

    [Theory]
    [InlineData("mysql-5.6")]
    [InlineData("mariadb-11.8")]
    [InlineData("mysql-9.7")]
    public async Task Every_collation_is_read_as_its_character_set(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        var answer = await connection.QueryAsync("SELECT id, character_set_name FROM information_schema.collations WHERE id IS NOT NULL", default);
        foreach (var row in answer.Rows)
        {
            var (id, set) = ((ushort)row.GetUInt64(0), row.GetString(1));
            if (set == "ucs2" || set.StartsWith("utf16", StringComparison.Ordinal) || set == "utf32")
            {
                // No client's.
                continue;
            }

            Assert.Equal((set, CharacterSets.Find(set)), (set, CharacterSets.Find(id)));
            Assert.Equal((set, set.StartsWith("utf8", StringComparison.Ordinal) || set == "binary"), (set, CharacterSets.IsUtf8(id)));
        }
    }

    private static async Task PrepareAsync(ProxyHarness harness, LabServer server, string user, string schema)
    {
        await harness.DirectAsync(server, $"CREATE DATABASE `{schema}`", $"CREATE TABLE `{schema}`.t (v INT)", $"CREATE TABLE `{schema}`.`{user}` (a INT, b INT)");
        try
        {
            await harness.DirectAsync(server, $"CREATE USER '{user}'@'%' IDENTIFIED BY '{Password}'");
        }
        catch (ServerErrorException error) when (error.Code == 1396)
        {
            // The other test has made it.
        }

        await harness.DirectAsync(server, $"GRANT ALL ON *.* TO '{user}'@'%'");
    }

    private static async Task<List<string>> UseAsync(int port, string name, (byte Collation, int CodePage, string User, string Suffix) known, string schema)
    {
        List<string> seen = [];
        var text = TextOf(known.CodePage);
        var plugin = PluginOf(name);
        var (client, login) = await LoginClient.LogInAsync(port, plugin, known.User, Password, collation: known.Collation, schema: schema, text: text);
        await using var session = client;
        seen.AddRange([login, await client.AskAsync(Whose), await client.CountFieldsAsync(known.User), await client.CountFieldsAsync("missing_" + known.User)]);
        seen.AddRange([await client.ChangeUserAsync(plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword, collation: 45), await client.AskAsync("SELECT CURRENT_USER()")]);
        seen.AddRange([await client.ChangeUserAsync(plugin, known.User, Password, schema, known.Collation), await client.AskAsync(Whose)]);
        seen.Add(await client.CommandAsync(CommandKind.Query, text.GetBytes($"PREPARE s FROM 'INSERT INTO `{schema}`.t VALUES (3)'")));
        await client.CommandAsync(CommandKind.InitDb, "mysql"u8.ToArray());
        seen.AddRange([await client.CommandAsync(CommandKind.InitDb, text.GetBytes(schema)), await client.AskAsync(Whose)]);
        await client.CommandAsync(CommandKind.InitDb, "mysql"u8.ToArray());
        seen.AddRange([await client.CommandAsync(CommandKind.Query, text.GetBytes($"USE `{schema}`")), await client.AskAsync(Whose)]);
        seen.Add(await client.CommandAsync(CommandKind.InitDb, text.GetBytes("missing_" + known.User)));
        await client.CommandAsync(CommandKind.Query, "SET NAMES utf8"u8.ToArray());
        seen.AddRange([await client.CommandAsync(CommandKind.InitDb, Encoding.UTF8.GetBytes(schema)), await client.AskAsync(Whose)]);
        var (refused, error) = await LoginClient.LogInAsync(port, plugin, known.User, "wrong", collation: known.Collation, text: text);
        await refused.DisposeAsync();
        var (lost, missing) = await LoginClient.LogInAsync(port, plugin, known.User, Password, collation: known.Collation, schema: "missing_" + known.User, text: text);
        await lost.DisposeAsync();
        return [.. seen, error, missing];
    }

    private static async Task<LoginClient> EnterAsync(int port, string name, (byte Collation, int CodePage, string User, string Suffix) known, string schema, int way)
    {
        var text = TextOf(known.CodePage);
        var plugin = PluginOf(name);
        var (client, login) = await LoginClient.LogInAsync(port, plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword, collation: known.Collation, schema: way == 0 ? schema : null, text: text);
        Assert.Equal("in", login);
        Assert.Contains(
            way switch
            {
                1 => await client.ChangeUserAsync(plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword, schema, known.Collation),
                2 => await client.CommandAsync(CommandKind.InitDb, text.GetBytes(schema)),
                3 => await client.CommandAsync(CommandKind.Query, text.GetBytes($"USE `{schema}`")),
                _ => "in",
            },
            (string[])["in", "ok"]);
        return client;
    }

    private const string Whose = "SELECT CONCAT_WS(' ', HEX(CURRENT_USER()), HEX(DATABASE()))";

    private static string Hex(string user, string schema) =>
        $"{Convert.ToHexString(Encoding.UTF8.GetBytes(user + "@%"))} {Convert.ToHexString(Encoding.UTF8.GetBytes(schema))}";

    private static Encoding TextOf(int codePage) => CodePagesEncodingProvider.Instance.GetEncoding(codePage)!;

    private static string PluginOf(string name) => name == "mysql-9.7" ? AuthPlugins.CachingSha2Password : AuthPlugins.NativePassword;
}
