using System.Text;
using Switchyard.Client.Protocol;
using Switchyard.Lab;
using Switchyard.Wire;
using Xunit;

namespace Switchyard.Client.Tests;

public sealed class DoubleTextTests
{
    [Theory]
    [InlineData(0d, "0")]
    [InlineData(-0d, "-0")]
    [InlineData(1d, "1")]
    [InlineData(-1.5, "-1.5")]
    [InlineData(0.1, "0.1")]
    [InlineData(1e15, "1e15")]
    [InlineData(123456789012345d, "123456789012345")]
    [InlineData(1032819410801315.6, "1032819410801315.6")]
    [InlineData(1e-14, "0.00000000000001")]
    [InlineData(1e-16, "1e-16")]
    [InlineData(1.7976931348623157e308, "1.7976931348623157e308")]
    [InlineData(5e-324, "5e-324")]
    [InlineData(1234567.125, "1234567.125")]
    public void A_double_is_printed_as_servers_print_it(double value, string text)
    {
        using var writer = new PayloadWriter();
        DoubleText.Write(writer, value);
        Assert.Equal(text, Encoding.UTF8.GetString(writer.WrittenSpan));
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    [Trait("Category", Lab.Category)]
    public async Task Doubles_of_prepared_statements_print_as_the_same_server_prints_them(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var random = new Random(20240601);
        var values = new List<double> { 1e15, 1e14, 9.999999999999999e14, 1e-15, 1e-14, 1.5e-15, 123456.789e3, -1e300 };
        for (var i = 0; i < 300; i++)
        {
            values.Add((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-30, 30)));
        }

        var schema = LabServer.UniqueSchema();
        await connection.ExecuteAsync($"CREATE DATABASE {schema}", Lab.Limit());
        await connection.ExecuteAsync($"CREATE TABLE {schema}.d (id INT PRIMARY KEY, v DOUBLE)", Lab.Limit());
        await using (var insert = await connection.PrepareAsync($"INSERT INTO {schema}.d VALUES (?,?)", Lab.Limit()))
        {
            for (var i = 0; i < values.Count; i++)
            {
                await insert.ExecuteAsync([i, values[i]], Lab.Limit());
            }
        }

        var text = await connection.QueryAsync($"SELECT v FROM {schema}.d ORDER BY id", Lab.Limit());
        await using var select = await connection.PrepareAsync($"SELECT v FROM {schema}.d ORDER BY id", Lab.Limit());
        var binary = await select.QueryAsync([], Lab.Limit());
        Assert.Equal(text.Rows.Select(row => row.GetString(0)), binary.Rows.Select(row => row.GetString(0)));
        await connection.ExecuteAsync($"DROP DATABASE {schema}", Lab.Limit());
    }
}
