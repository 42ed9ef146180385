using System.Buffers.Binary;
using System.Text;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>Commands for two clients of the same server, one direct and one through the proxy, whose answers are compared byte for byte.</summary>
internal sealed class WireScript
{
    private readonly List<(string Name, Func<WireClient, Task<byte[]>> Run)> _steps = [];

    public WireScript Do(string name, Func<WireClient, Task<byte[]>> run)
    {
        _steps.Add((name, run));
        return this;
    }

    public WireScript Query(params string[] statements)
    {
        foreach (var sql in statements)
        {
            Do(sql.Length > 80 ? sql[..80] : sql, client => client.QueryAsync(sql));
        }

        return this;
    }

    public WireScript Command(CommandKind command, byte[] argument, ResponseShape shape = ResponseShape.Results) =>
        Do($"{command} {Convert.ToHexString(argument.AsSpan(0, Math.Min(20, argument.Length)))}", client => client.CommandAsync(command, WithId(client, command, argument), shape));

    /// <summary>A command that is not answered.</summary>
    public WireScript Send(CommandKind command, byte[] argument) => Do($"{command}", async client =>
    {
        await client.SendAsync(command, WithId(client, command, argument));
        return [];
    });

    /// <summary>Prepares; the id in the answer is not compared.</summary>
    public WireScript Prepare(string sql) => Do($"prepare {sql}", async client =>
    {
        var answer = await client.CommandAsync(CommandKind.StatementPrepare, Encoding.UTF8.GetBytes(sql), ResponseShape.Prepared);
        if (answer[PacketLimits.HeaderSize] == 0)
        {
            answer.AsSpan(PacketLimits.HeaderSize + 1, 4).Clear();
        }

        return answer;
    });

    /// <summary>The number of a statement in the order they were prepared, from one, and what follows it; another number is sent as it is.</summary>
    public static byte[] Id(uint id, params byte[] rest)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, id);
        return [.. bytes, .. rest];
    }

    /// <summary>COM_STMT_EXECUTE without attributes: flags, one iteration, then what is given.</summary>
    public static byte[] Execute(uint id, byte flags, params byte[] parameters) => Id(id, [flags, 1, 0, 0, 0, .. parameters]);

    /// <summary>Runs all direct, then all through the proxy.</summary>
    /// <param name="refresh">Makes the tables as new before each.</param>
    public async Task CompareAsync(WireClient direct, WireClient proxied, Func<Task> refresh)
    {
        await refresh();
        var expected = new List<byte[]>();
        foreach (var (name, run) in _steps)
        {
            expected.Add(await Named(name, "direct", run(direct)));
        }

        await refresh();
        for (var i = 0; i < _steps.Count; i++)
        {
            var given = await Named(_steps[i].Name, "through the proxy", _steps[i].Run(proxied));
            Assert.True(
                expected[i].AsSpan().SequenceEqual(given),
                $"{_steps[i].Name}\ndirect:  {Show(expected[i])}\nproxied: {Show(given)}");
        }
    }

    private static byte[] WithId(WireClient client, CommandKind command, byte[] argument)
    {
        if (command is not (CommandKind.StatementExecute or CommandKind.StatementBulkExecute or CommandKind.StatementFetch or CommandKind.StatementReset
            or CommandKind.StatementClose or CommandKind.StatementSendLongData))
        {
            return argument;
        }

        var number = BinaryPrimitives.ReadUInt32LittleEndian(argument);
        return number <= client.Prepared.Count ? Id(client.Prepared[(int)number - 1], argument[4..]) : argument;
    }

    private static async Task<byte[]> Named(string name, string where, Task<byte[]> step)
    {
        try
        {
            return await step;
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException($"{name}, {where}: {exception.Message}", exception);
        }
    }

    private static string Show(byte[] answer) =>
        $"{answer.Length} bytes {Convert.ToHexString(answer.AsSpan(0, Math.Min(200, answer.Length)))} {Encoding.Latin1.GetString(answer.AsSpan(0, Math.Min(200, answer.Length)))}";
}
