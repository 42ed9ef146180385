using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Sql.Reading;

namespace Switchyard.Sql.Tests;

/// <summary>What the scanner takes for granted about servers, asked of the servers.</summary>
[Trait("Category", "Integration")]
public sealed class RealServerTests
{
    private const int NoSuchFunction = 1305;
    private const int ReadOnlyTransaction = 1792;

    public static TheoryData<string> Servers => [.. LabServer.All];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Every_function_taken_for_built_in_is_one_on_the_server(string name)
    {
        await using var connection = await OpenAsync(name);
        var options = OptionsOf(connection);
        var missing = new List<string>();
        foreach (var function in BuiltIn.Names)
        {
            if (BuiltIn.Find(Encoding.ASCII.GetBytes(function), options) is not (BuiltInKind.None or BuiltInKind.Operator) && !await ExistsAsync(connection, function))
            {
                missing.Add(function);
            }
        }

        Assert.Empty(missing);
    }

    /// <summary>A stored function of the same name is called where the server has none of that name, or only with other arguments.</summary>
    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_function_taken_for_built_in_is_not_a_stored_one_when_there_is_one_of_its_name(string name)
    {
        await using var connection = await OpenAsync(name);
        var options = OptionsOf(connection);
        var schema = LabServer.UniqueSchema();
        await connection.ExecuteAsync($"CREATE DATABASE {schema}", CancellationToken.None);
        await connection.ExecuteAsync($"USE {schema}", CancellationToken.None);
        var called = new List<string>();
        foreach (var function in BuiltIn.Names)
        {
            foreach (var parameters in new[] { "a INT", "a INT, b INT" })
            {
                var arguments = parameters.Contains(',', StringComparison.Ordinal) ? "1, 1" : "1";
                string[] calls = [$"SELECT {function}({arguments})", $"SELECT {function} ({arguments})", $"SELECT 1, {function}({arguments})", $"SELECT {schema} . {function}({arguments})"];
                calls = [.. calls.Where(sql => SqlScanner.Scan(Encoding.UTF8.GetBytes(sql), options).Routines.IsEmpty)];
                if (calls.Length == 0)
                {
                    continue;
                }

                await TryAsync(connection, $"CREATE FUNCTION `{function}`({parameters}) RETURNS INT DETERMINISTIC NO SQL RETURN 4711");
                foreach (var sql in calls)
                {
                    if (await IsCalledAsync(connection, sql))
                    {
                        called.Add(sql);
                    }
                }

                await TryAsync(connection, $"DROP FUNCTION IF EXISTS `{function}`");
            }
        }

        await connection.ExecuteAsync($"DROP DATABASE {schema}", CancellationToken.None);
        Assert.True(called.Count == 0, string.Join('\n', called));
    }

    /// <summary>The bytes that servers take for a space in each character set that a client may speak are those that we do.</summary>
    [Theory]
    [MemberData(nameof(Servers))]
    public async Task What_a_server_takes_for_a_space_between_words_is_one(string name)
    {
        await using var connection = await OpenAsync(name);
        var sets = await connection.QueryAsync("SELECT character_set_name FROM information_schema.character_sets", CancellationToken.None);
        var spaces = new SortedDictionary<int, SortedSet<string>>();
        foreach (var set in sets.Rows.Select(row => row.GetString(0)))
        {
            if (await TryAsync(connection, $"SET NAMES {set}") != 0)
            {
                continue;
            }

            for (var b = 0x7F; b <= 0xFF; b++)
            {
                if (await TryAsync(connection, [.. "SELECT 1"u8, (byte)b, .. "AS"u8, (byte)b, .. "x"u8]) == 0)
                {
                    (spaces.TryGetValue(b, out var found) ? found : spaces[b] = new(StringComparer.Ordinal)).Add(set);
                }
            }
        }

        Assert.Equal([0xA0, 0xFF], spaces.Keys);
        Assert.Equal("armscii8 cp1250 dec8 geostd8 greek hebrew latin1 latin2 latin5 latin7", string.Join(' ', spaces[0xA0]));
        Assert.Equal("cp852 cp866 keybcs2", string.Join(' ', spaces[0xFF]));
    }

    /// <summary>
    /// Two judges. A read-only transaction refuses to write, so the server says which of our plain reads are none. And an account that may read
    /// the tables we named, and no other, is refused where we have missed one.
    /// </summary>
    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_plain_read_writes_nothing_and_reads_no_table_but_those_named(string name)
    {
        await using var connection = await OpenAsync(name);
        var options = OptionsOf(connection);
        var schema = LabServer.UniqueSchema();
        await MakeAsync(connection, schema);
        var readers = new Readers(connection, (await LabServer.SharedAsync(name, "sql")).Dsn, schema);
        await connection.ExecuteAsync("SET SESSION TRANSACTION READ ONLY", CancellationToken.None);
        Assert.Equal(ReadOnlyTransaction, (await Assert.ThrowsAsync<ServerErrorException>(() => connection.ExecuteAsync("INSERT INTO t VALUES (1,1,1,1,1,1,1)", CancellationToken.None))).Code);

        var random = new Random(20261121);
        var statements = Corpus.All.Concat(Corpus.ManyTables).ToArray();
        var ran = 0;
        for (var i = 0; i < 8000; i++)
        {
            var sql = Mutation.Of(statements[random.Next(statements.Length)], random.Next, random.Next(0, 4));
            var info = SqlScanner.Scan(Encoding.UTF8.GetBytes(sql), options);
            if (info.IsPlainRead && await TryAsync(connection, sql) == 0)
            {
                ran++;
                var refusal = await readers.TryAsync(sql, info);
                Assert.True(refusal == 0, $"Error {refusal} for one who may read only [{string.Join(", ", info.Tables)}]: {sql}");
            }
        }

        await readers.DisposeAsync();
        await connection.ExecuteAsync("SET SESSION TRANSACTION READ WRITE", CancellationToken.None);
        await connection.ExecuteAsync($"DROP DATABASE {schema}", CancellationToken.None);
        Assert.True(ran > 300, $"Only {ran} statements ran.");
    }

    private static async Task MakeAsync(BackendConnection connection, string schema)
    {
        await connection.ExecuteAsync($"CREATE DATABASE {schema}", CancellationToken.None);
        await connection.ExecuteAsync($"USE {schema}", CancellationToken.None);
        foreach (var table in Readers.Tables)
        {
            await connection.ExecuteAsync($"CREATE TABLE {table} (a INT, b INT, c INT, d INT, x INT, y INT, z INT)", CancellationToken.None);
        }

        await connection.ExecuteAsync("CREATE FUNCTION f(i INT) RETURNS INT NO SQL RETURN i", CancellationToken.None);
    }

    /// <summary>The server's error, or 0. A write is never tolerated.</summary>
    private static Task<int> TryAsync(BackendConnection connection, string sql) => TryAsync(connection, Encoding.UTF8.GetBytes(sql));

    private static async Task<int> TryAsync(BackendConnection connection, byte[] sql)
    {
        try
        {
            await connection.ExecuteMultiAsync(sql, CancellationToken.None);
            return 0;
        }
        catch (ServerErrorException e)
        {
            Assert.True(e.Code != ReadOnlyTransaction, $"It writes: {Encoding.UTF8.GetString(sql)}");
            return e.Code;
        }
    }

    /// <summary>One account for every set of tables, made when first needed.</summary>
    private sealed class Readers(BackendConnection owner, string dsn, string schema) : IAsyncDisposable
    {
        public static readonly string[] Tables = ["t", "u", "a", "b", "c", "d"];
        private readonly Dictionary<int, BackendConnection> _connections = [];

        public async Task<int> TryAsync(string sql, StatementInfo info)
        {
            var set = 0;
            for (var i = 0; i < Tables.Length; i++)
            {
                set |= info.Tables.Any(table => table.Name.Equals(Tables[i], StringComparison.OrdinalIgnoreCase)) ? 1 << i : 0;
            }

            if (!_connections.TryGetValue(set, out var connection))
            {
                _connections[set] = connection = await OpenAsync(set);
            }

            return await RealServerTests.TryAsync(connection, sql);
        }

        public async ValueTask DisposeAsync()
        {
            await owner.ExecuteAsync("SET SESSION TRANSACTION READ WRITE", CancellationToken.None);
            foreach (var (set, connection) in _connections)
            {
                await connection.DisposeAsync();
                await owner.ExecuteAsync($"DROP USER {Account(set)}", CancellationToken.None);
            }
        }

        private static string Account(int set) => $"reader{set}_{Environment.ProcessId}@'%'";

        private async Task<BackendConnection> OpenAsync(int set)
        {
            await owner.ExecuteAsync("SET SESSION TRANSACTION READ WRITE", CancellationToken.None);
            await owner.ExecuteAsync($"CREATE USER {Account(set)} IDENTIFIED BY 'reader'", CancellationToken.None);
            await owner.ExecuteAsync($"GRANT EXECUTE ON {schema}.* TO {Account(set)}", CancellationToken.None);
            for (var i = 0; i < Tables.Length; i++)
            {
                if ((set & (1 << i)) != 0)
                {
                    await owner.ExecuteAsync($"GRANT SELECT ON {schema}.{Tables[i]} TO {Account(set)}", CancellationToken.None);
                }
            }

            await owner.ExecuteAsync("SET SESSION TRANSACTION READ ONLY", CancellationToken.None);
            var options = ConnectionOptions.Parse(dsn) with { User = Account(set).Split('@')[0], Password = "reader", Schema = schema };
            return await BackendConnection.OpenAsync(options, CancellationToken.None);
        }
    }

    /// <summary>Some names are functions only with arguments.</summary>
    private static async Task<bool> ExistsAsync(BackendConnection connection, string function)
    {
        foreach (var arguments in new[] { "", "1", "1, 1" })
        {
            try
            {
                await connection.ExecuteAsync($"SELECT {function}({arguments})", CancellationToken.None);
                return true;
            }
            catch (ServerErrorException e) when (e.Code == NoSuchFunction)
            {
            }
            catch (ServerErrorException)
            {
                return true;
            }
        }

        return false;
    }

    private static async Task<bool> IsCalledAsync(BackendConnection connection, string sql)
    {
        try
        {
            var row = await connection.QueryAsync(sql, CancellationToken.None);
            return Enumerable.Range(0, row.Columns.Count).Any(column => row.GetStringOrNull(0, column) == "4711");
        }
        catch (ServerErrorException)
        {
            return false;
        }
    }

    private static ScanOptions OptionsOf(BackendConnection connection)
    {
        var version = connection.Server.Version;
        return new ScanOptions
        {
            MariaDb = connection.Server.Vendor == ServerVendor.MariaDb,
            ServerVersion = (version.Major * 10000) + (version.Minor * 100) + version.Build,
            MultiStatements = true,
        };
    }

    private static async Task<BackendConnection> OpenAsync(string name)
    {
        var server = await LabServer.SharedAsync(name, "sql");
        var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), CancellationToken.None);
        await connection.ExecuteAsync("CREATE DATABASE IF NOT EXISTS sql_functions", CancellationToken.None);
        await connection.ExecuteAsync("USE sql_functions", CancellationToken.None);
        return connection;
    }
}
