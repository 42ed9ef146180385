using System.Text;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Tests.Tables;

public sealed class JsonTypesPlanTests
{
    // What writes a TIMESTAMP or a BIT inside JSON is JSON_TABLE, which an older target would refuse in the middle of the stream.
    [Theory]
    [InlineData("8.4.3", "9.7.0", true, true)]
    [InlineData("5.7.44", "8.0.21", true, false)]
    [InlineData("8.4.3", "5.7.44", false, false)]
    [InlineData("8.4.3", "8.0.20", false, false)]
    public void Types_inside_JSON_are_kept_where_the_target_can_be_given_them_and_read_where_the_source_tells_them(string source, string target, bool kept, bool read)
    {
        var table = Table();
        var plan = TablePlan.Create(table, table, CascadeRole.None, Server(source), Server(target));

        Assert.Equal(kept, plan.Shape.Columns[1].KeepsJsonTypes);
        Assert.Equal(read, Encoding.UTF8.GetString(plan.SelectPrefix).Contains("JSON_TABLE", StringComparison.Ordinal));
    }

    private static TableDefinition Table()
    {
        var key = new IndexDefinition { Name = "PRIMARY", IsUnique = true, Kind = IndexKind.BTree, Parts = [new IndexPart("id")] };
        return new TableDefinition
        {
            Name = new TableName("s", "t"),
            Columns =
            [
                new ColumnDefinition { Ordinal = 0, Name = "id", ColumnType = "int", DataType = "int", Kind = ColumnKind.Integer },
                new ColumnDefinition { Ordinal = 1, Name = "doc", ColumnType = "json", DataType = "json", Kind = ColumnKind.Json },
            ],
            Indexes = [key],
            Key = key,
            ForeignKeys = [],
            Engine = "InnoDB",
            CreateStatement = "",
        };
    }

    private static ServerInfo Server(string version) => new(ServerVendor.MySql, Version.Parse(version), version, 1, default);
}
